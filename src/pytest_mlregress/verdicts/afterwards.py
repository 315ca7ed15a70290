"""What the seeds that a verdict did not wait for say against it.

When a verdict is reached, other workers are still training seeds of its test. One that dies or
raises was run, and so it counts; bad values are named, but change no verdict, since whether such a
seed had started at all is a matter of timing.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

from pytest_mlregress.plurals import count_of
from pytest_mlregress.running.result import COLLAPSED, SeedResult
from pytest_mlregress.running.seed_outcome import WITHOUT_SUCCESS
from pytest_mlregress.verdicts.advice import after_loss
from pytest_mlregress.verdicts.context import run_command, seeds_in_words
from pytest_mlregress.verdicts.group import SeedGroup
from pytest_mlregress.verdicts.metric_samples import declared, metric_names
from pytest_mlregress.verdicts.unchanged import why_trained
from pytest_mlregress.verdicts.verdict import Colour, Verdict, VerdictKind


def with_notes_of_seeds(verdict: Verdict, group: SeedGroup) -> Verdict:
    """The verdict with what the seeds say of the run: guards that spoke, and why they trained.

    Args:
        verdict: the verdict, as soon as it is reached.
        group: the seeds of the test.

    Returns:
        It.
    """
    notes = []
    if group.guard_findings:
        notes.append(f"guards: {', '.join(group.guard_findings)}")
    trained = why_trained(group.standing, verdict.baseline_commit)
    if trained is not None:
        notes.append(trained)
    return replace(verdict, notes=(*verdict.notes, *notes)) if notes else verdict


def with_late_seed(verdict: Verdict, group: SeedGroup, seed: int) -> Verdict:
    """The verdict once a seed that it did not wait for has ended: ``diverged`` if that failed.

    A verdict that is red already gets one more reason. In live pairs a seed counts only if the base
    passed it.

    Args:
        verdict: the verdict.
        group: the seeds of the test.
        seed: the late seed.

    Returns:
        The verdict; unchanged if the seed did not fail.
    """
    result = group.results.get(seed)
    if result is None or result.outcome not in WITHOUT_SUCCESS:
        return verdict
    line = f"seed {seed} {_what_happened(result)}"
    if group.base is not None:
        before = group.base.results.get(seed)
        if before is None or before.outcome != "finished":
            line = f"{line}; the base has not passed it either"
            return replace(verdict, seeds=group.reported, notes=(*verdict.notes, line))
    if verdict.colour is Colour.RED:
        return replace(verdict, seeds=group.reported, reasons=(*verdict.reasons, line))
    until_then = f"{verdict.kind} after {count_of(verdict.decided_after, 'seed')}"
    return replace(
        verdict,
        kind=VerdictKind.DIVERGED,
        colour=Colour.RED,
        seeds=group.reported,
        decided_after=verdict.decided_after + 1,
        reasons=(f"{line}; without it the verdict was {until_then}",),
        next_steps=(*_look_at(result, group), run_command(group)),
    )


def late_notes(verdict: Verdict, group: SeedGroup) -> tuple[str, ...]:
    """What is wrong with the values of the seeds that a comparison does not rest on.

    Args:
        verdict: the verdict.
        group: the seeds of the test.

    Returns:
        Notes for the verdict.
    """
    used = {seed for metric in verdict.metrics for seed in metric.candidate}
    if not used:
        return ()
    seen = [seed for seed in group.reported if seed.seed in used and seed.outcome == "finished"]
    unused = [seed for seed in group.reported if seed.seed not in used]
    odd = [
        (what, seed.seed)
        for seed in unused
        if seed.outcome == "finished"
        for what in (*_oddities(seed, seen), *_moved_later(verdict, seed, group))
    ]
    return tuple(
        f"{seeds_in_words([seed for other, seed in odd if other == what])}, on which the verdict "
        f"does not rest: {what}"
        for what in dict.fromkeys(what for what, _ in odd)
    )


def _oddities(seed: SeedResult, seen: list[SeedResult]) -> Iterator[str]:
    for metric in seed.metrics:
        if not math.isfinite(metric.value):
            yield f"{metric.name} = {metric.value}"
    for name in metric_names(seen):
        metric_now, first = seed.metric(name), declared(seen, name)
        if metric_now is None:
            yield f"{name} was not recorded"
        elif metric_now.settings != first.settings:
            changed = next(
                setting
                for setting, value in metric_now.settings.items()
                if value != first.settings[setting]
            )
            yield (
                f"{name} was recorded with {changed}={metric_now.settings[changed]!r}, by the "
                f"others with {first.settings[changed]!r}"
            )


def _moved_later(verdict: Verdict, seed: SeedResult, group: SeedGroup) -> Iterator[str]:
    """What differs in a pair that had trained when the pairs before it were `identical`."""
    if verdict.kind is not VerdictKind.IDENTICAL or group.base is None:
        return
    base = group.base.results.get(seed.seed)
    for metric in seed.metrics:
        before = base.metric(metric.name) if base is not None else None
        if before is not None and before.value != metric.value:
            yield f"{metric.name} moved from {before.value} to {metric.value}"


def _what_happened(result: SeedResult) -> str:
    if result.collapse:
        return f"{COLLAPSED} after the verdict: {result.collapse}"
    first = result.message.strip().partition("\n")[0] or "no reason given"
    if result.outcome == "timed out":
        return f"{first}, after the verdict"
    what = "was lost" if result.outcome == "lost" else "failed"
    return f"{what} after the verdict: {first}"


def _look_at(result: SeedResult, group: SeedGroup) -> tuple[str, ...]:
    if result.outcome == "lost":
        return after_loss(group.plan, result)
    return (f"{group.plan.command} --lf",)
