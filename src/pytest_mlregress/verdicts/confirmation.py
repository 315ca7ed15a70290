"""A red verdict tested on fresh seeds of both sides before it is reported.

A baseline is one sample. While a project changes little, every commit is compared with the same
seeds, and an unlucky pair of samples would be red commit after commit. Fresh seeds of the
baseline's commit and of the working tree are independent of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pytest_mlregress.verdicts.policy import Rules
from pytest_mlregress.verdicts.verdict import MetricVerdict, Verdict, VerdictKind, most_severe

if TYPE_CHECKING:
    from pytest_mlregress.revisions.fresh import FreshRun, FreshSample

CONFIRMATION_LEVEL: Final = 0.05
"""Level of the second test. A red needs both, so a false one has probability below alpha / 20."""

LEAST_FRESH_SEEDS: Final = 10

Samples = Mapping[str, Mapping[int, float]]


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What a confirmation needs besides the verdict.

    Attributes:
        rootdir: pytest's rootdir.
        workers: number of xdist workers.
        threads: the argument of pytest that says how many CPU threads a seed has.
        update_command: the command that records the baseline again.
    """

    rootdir: Path
    workers: int
    threads: str
    update_command: str


def needs_confirmation(verdict: Verdict) -> bool:
    """True for a red that rests on a comparison of samples.

    Args:
        verdict: the verdict.

    Returns:
        Whether fresh seeds can confirm it.
    """
    return verdict.kind is VerdictKind.REGRESSION and any(
        metric.kind is VerdictKind.REGRESSION and metric.comparison is not None
        for metric in verdict.metrics
    )


def fresh_seeds(planned: int) -> int:
    """How many seeds of each side confirm a check of that many.

    Args:
        planned: number of seeds of the check.

    Returns:
        The number of seeds.
    """
    return max(LEAST_FRESH_SEEDS, 2 * planned)


def confirm(verdict: Verdict, rules: Rules, setting: Confirmation) -> Verdict:
    """The verdict after fresh seeds of both sides.

    A red metric that they do not confirm becomes inconclusive.

    Args:
        verdict: the red verdict.
        rules: how the test is judged.
        setting: what the confirmation needs.

    Returns:
        The verdict; still red, with the reason, if the baseline's code cannot be run.
    """
    taken = {seed for metric in verdict.metrics for seed in metric.baseline} | set(verdict.planned)
    from pytest_mlregress.revisions.fresh import FreshRun, FreshRunError
    from pytest_mlregress.revisions.worktree import WorktreeError

    first = max(taken) + 1
    seeds = range(first, first + fresh_seeds(len(verdict.planned)))
    run = FreshRun(verdict.test, verdict.tier, seeds, setting.workers, setting.threads)
    if verdict.baseline_commit is None:
        return _untested(verdict, "the baseline does not say which commit it was recorded at")
    sides: list[FreshSample] = []
    try:
        sides.extend(_both_sides(run, verdict.baseline_commit, setting.rootdir))
    except WorktreeError as error:
        return _untested(verdict, str(error))
    except FreshRunError as error:
        trained = replace(verdict, fresh_seeds=tuple(s for side in sides for s in side.seeds))
        return _untested(trained, str(error), short="their run failed, as -v shows")
    before, now = sides
    trained = replace(verdict, fresh_seeds=(*before.seeds, *now.seeds))
    return confirmed(trained, before.values, now.values, rules, seeds, setting.update_command)


def _both_sides(run: FreshRun, commit: str, rootdir: Path) -> Iterator[FreshSample]:
    from pytest_mlregress.revisions.fresh import run_fresh
    from pytest_mlregress.revisions.worktree import worktree_of

    # The checkout comes first: one that fails has cost no training.
    with worktree_of(rootdir, commit) as folder:
        yield run_fresh(run, folder, instead_of=rootdir)
    yield run_fresh(run, rootdir, instead_of=None)


def _untested(verdict: Verdict, problem: str, short: str = "") -> Verdict:
    """Still red; ``short`` says of a long problem what there is room for beside the verdict."""
    said = f"not tested on fresh seeds: {short or problem}"
    return replace(
        verdict,
        metrics=tuple(
            replace(metric, confirmation=said) if metric.kind is VerdictKind.REGRESSION else metric
            for metric in verdict.metrics
        ),
        notes=(*verdict.notes, f"not tested on fresh seeds, and so still red: {problem}"),
    )


def confirmed(
    verdict: Verdict,
    before: Samples,
    now: Samples,
    rules: Rules,
    seeds: range,
    update_command: str,
) -> Verdict:
    """The verdict after fresh samples of the baseline's code and of the current code.

    Args:
        verdict: the red verdict.
        before: the samples of the baseline's code.
        now: the samples of the working tree.
        rules: how the test is judged.
        seeds: the fresh seeds.
        update_command: the command that records the baseline again.

    Returns:
        The verdict.
    """
    span = f"fresh seeds {seeds.start} to {seeds.stop - 1}"
    metrics = tuple(
        _retest(metric, before.get(metric.name, {}), now.get(metric.name, {}), span)
        if metric.kind is VerdictKind.REGRESSION
        else metric
        for metric in verdict.metrics
    )
    kind = most_severe(tuple(metric.kind for metric in metrics))
    if kind is VerdictKind.REGRESSION:
        return replace(verdict, metrics=metrics)
    return replace(
        verdict,
        kind=kind,
        colour=rules.colour(kind),
        metrics=metrics,
        reasons=(*verdict.reasons, f"a loss was shown, and not confirmed on {span} of both sides"),
        next_steps=(f"record the baseline again if this recurs: {update_command}",),
    )


def _retest(
    metric: MetricVerdict, before: Mapping[int, float], now: Mapping[int, float], span: str
) -> MetricVerdict:
    from pytest_mlregress.statistics import compare

    if not before or not now:
        return replace(
            metric,
            confirmation=f"not recorded on {span}",
            notes=(*metric.notes, f"not recorded on {span} of both sides"),
        )
    again = compare(
        tuple(before.values()),
        tuple(now.values()),
        higher_is_better=metric.higher_is_better,
        alpha=CONFIRMATION_LEVEL,
    )
    found = f"{again.mean_baseline:.6g} -> {again.mean_candidate:.6g}, p = {again.p_harm:.3g}"
    lost = again.p_harm <= CONFIRMATION_LEVEL or again.verdict == "diverged"
    said = "confirmed" if lost else "not confirmed"
    return replace(
        metric,
        kind=metric.kind if lost else VerdictKind.INCONCLUSIVE,
        confirmation=f"{said} on {span}, p = {again.p_harm:.2g}",
        notes=(*metric.notes, f"{said} on {span} of both sides: {found}"),
    )
