"""What a verdict that rests on numbers advises: the next commands, and remarks on the metrics.

Every command works in the current state of the working tree. A seed gives the same numbers again,
so no text advises running the same seeds once more.
"""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Iterator, Sequence
from statistics import fmean
from typing import TYPE_CHECKING, Final

from pytest_mlregress.plurals import count_of
from pytest_mlregress.running.result import SeedResult
from pytest_mlregress.running.seed_outcome import ONE_BY_ONE, OUT_OF_MEMORY
from pytest_mlregress.verdicts.confirmation import fresh_seeds
from pytest_mlregress.verdicts.context import JudgingContext
from pytest_mlregress.verdicts.group import GroupPlan
from pytest_mlregress.verdicts.metrics import MetricsDecision
from pytest_mlregress.verdicts.nearness import near_its_limit
from pytest_mlregress.verdicts.verdict import MetricVerdict, Verdict, VerdictKind
from pytest_mlregress.verdicts.what_changed import what_changed

if TYPE_CHECKING:
    from pytest_mlregress.revisions.history import History

IMPROBABLE_GAIN: Final = 3.0
"""A gain of more margins than this is more often another test set than a better model."""


def advice(
    case: JudgingContext, decision: MetricsDecision, history: History | None
) -> tuple[str, ...]:
    """The next steps after a decision.

    Args:
        case: the test.
        decision: what its values say.
        history: what git knows; None without git.

    Returns:
        One text per step, with a command if there is one.
    """
    match decision.kind:
        case VerdictKind.REGRESSION:
            return (
                *_confirmation(case, decision, history),
                *_what_changed(case, history, lost=True),
                f"{_to_accept(history)}: {case.group.plan.update_command} "
                "--mlregress-rebase-anchor='why'",
            )
        case VerdictKind.DIVERGED:
            return (*_what_changed(case, history, lost=False), *_one_seed(case, decision))
        case VerdictKind.INCONCLUSIVE:
            command, more = case.group.plan.command, 2 * len(case.group.plan.planned)
            return (
                f"how many seeds it takes: {command} --mlregress-plan",
                f"more of them: {command} --mlregress-seeds={more}",
            )
        case VerdictKind.IMPROVEMENT:
            return (f"{_committed(history)}keep the gain: {case.group.plan.update_command}",)
        case _:
            return ()


def remarks(
    case: JudgingContext, decision: MetricsDecision, history: History | None
) -> tuple[str, ...]:
    """What the numbers of a decision say besides its verdict.

    Args:
        case: the test.
        decision: what its values say.
        history: what git knows; None without git.

    Returns:
        Notes for the verdict.
    """
    return (
        *(text for metric in decision.metrics for text in _on_metric(case, metric)),
        *_not_deterministic(case, decision, history),
    )


def fixed_path(plan: GroupPlan, failed: Sequence[SeedResult]) -> tuple[str, ...]:
    """What to do about seeds that collide in a path that they share.

    Args:
        plan: the test.
        failed: its failed seeds.

    Returns:
        The advice; nothing if no failure shows such a path.
    """
    if not plan.parallel or not any(_COLLISION.search(seed.message) for seed in failed):
        return ()
    return (
        "seeds run at the same time: where a path is the same in all of them, put it below "
        "mlregress.tmp_path, a folder of each seed's own",
    )


_COLLISION: Final = re.compile(
    r"(FileExists|FileNotFound|Permission|BlockingIO|NotADirectory|IsADirectory)Error\b"
    r"|database is locked|unable to lock file|Directory not empty"
    r"|Resource temporarily unavailable|being used by another process",
    re.IGNORECASE,
)


def nothing_recorded(verdict: Verdict, plan: GroupPlan) -> str | None:
    """Why a passed test with the fixture ``mlregress`` checks nothing, or None.

    Args:
        verdict: the verdict on the test.
        plan: the test.

    Returns:
        The warning.
    """
    passed = verdict.kind is VerdictKind.PASS and not verdict.metrics
    if not passed or not plan.takes_run:
        return None
    return (
        "no metric recorded, so nothing is compared with a baseline: call "
        "mlregress.record(name, value, higher_is_better=...), or use the fixture seed instead of "
        "mlregress"
    )


def _what_changed(case: JudgingContext, history: History | None, *, lost: bool) -> Iterator[str]:
    commit = case.baseline.provenance.named_commit if case.baseline is not None else None
    return what_changed(case.group.plan, commit, history, lost=lost)


def _to_accept(history: History | None) -> str:
    """An update refuses changes that are in no commit."""
    dirty = history is not None and history.tree.dirty
    return "to accept it, commit, then" if dirty else "to accept it"


def _committed(history: History | None) -> str:
    """An update refuses changes that are in no commit."""
    return "commit the change and " if history is not None and history.tree.dirty else ""


def _confirmation(
    case: JudgingContext, decision: MetricsDecision, history: History | None
) -> Iterator[str]:
    """Fresh seeds of both sides tell a loss from an unlucky baseline."""
    provenance = case.baseline.provenance if case.baseline is not None else None
    possible = (
        not case.rules.confirm
        and provenance is not None
        and not provenance.dirty
        and history is not None
        and history.knows(provenance.named_commit)
    )
    lost = [metric for metric in decision.metrics if metric.kind is VerdictKind.REGRESSION]
    if not possible or not any(map(near_its_limit, lost)):
        return
    trainings = 2 * fresh_seeds(len(case.group.plan.planned))
    seconds = trainings * fmean(seed.duration for seed in case.ready)
    yield (
        f"near its limit, so test fresh seeds of both commits ({trainings} trainings, "
        f"{_minutes(seconds)}): {case.group.plan.command} --mlregress-confirm"
    )


def _minutes(seconds: float) -> str:
    minutes = round(seconds / 60.0)
    if minutes < 1:
        return "less than a minute"
    return f"about {count_of(minutes, 'minute')}"


def _one_seed(case: JudgingContext, decision: MetricsDecision) -> Iterator[str]:
    for metric in decision.metrics:
        for seed, value in metric.candidate.items():
            if not math.isfinite(value):
                yield f"look at one seed alone: {case.group.plan.command} -k seed{seed}"
                return


def _on_metric(case: JudgingContext, metric: MetricVerdict) -> Iterator[str]:
    if metric.comparison is None or case.baseline is None:
        return
    margin, change = metric.comparison.margin, metric.comparison.difference
    gain = change if metric.higher_is_better else -change
    if metric.kind is VerdictKind.IMPROVEMENT and 0.0 < IMPROBABLE_GAIN * margin < gain:
        yield (
            f"{metric.name} gained {gain:.3g}, {gain / margin:.2g} margins: does it still measure "
            f"the same data? {_fingerprints(case)}"
        )
    values = set(metric.baseline.values())
    constant = len(metric.baseline) > 1 and len(values) == 1 and math.isfinite(min(values))
    if constant and change != 0.0 and case.baseline.metrics[metric.name].resolution is None:
        yield (
            f"all {len(metric.baseline)} seeds of the baseline gave {metric.name} = "
            f"{min(values):.6g}, so any change counts: record(..., resolution=) gives the "
            "smallest step that the metric can take, @pytest.mark.mlregress(deterministic=True) "
            "that the training ignores its seed on purpose"
        )


def _fingerprints(case: JudgingContext) -> str:
    named = sorted(case.baseline.data) if case.baseline is not None else []
    if named:
        return f"only what mlregress.fingerprint has hashed is known to be: {', '.join(named)}"
    return "mlregress.fingerprint(name, data) in the test answers this"


def _not_deterministic(
    case: JudgingContext, decision: MetricsDecision, history: History | None
) -> Iterator[str]:
    """The same code in the same environment gave other bits for the same seed."""
    if case.baseline is None or history is None or not _same_environment(case):
        return
    provenance = case.baseline.provenance
    moved = next(
        (
            (metric.name, seed)
            for metric in decision.metrics
            for seed, value in metric.candidate.items()
            if seed in metric.baseline and _bits(value) != _bits(metric.baseline[seed])
        ),
        None,
    )
    if moved is None or provenance.dirty or not history.same_code(provenance.named_commit):
        return
    name, seed = moved
    yield (
        f"not deterministic: the code and the environment are the baseline's, and {name} of seed "
        f"{seed} has other bits; such a test is never identical (docs: How-to, Non-determinism)"
    )


def _same_environment(case: JudgingContext) -> bool:
    compared = case.group.environment is not None and case.rules.env_mismatch != "ignore"
    return compared and not case.differences


def _bits(value: float) -> bytes:
    return struct.pack("<d", value)


def after_loss(plan: GroupPlan, seed: SeedResult) -> tuple[str, ...]:
    """What to do about a seed whose worker was lost each time.

    Args:
        plan: what is known of its test.
        seed: the seed.

    Returns:
        One text per step, with a command if there is one.
    """
    if ONE_BY_ONE in seed.message:
        return (f"with a scheduler that runs a lost seed again: {plan.command} --dist=load",)
    alone = f"the seed alone, in this process: {plan.command} -k seed{seed.seed} -n0"
    if OUT_OF_MEMORY not in seed.message:
        return (alone,)
    return (
        "run fewer seeds at the same time (-n, --mlregress-workers), or declare what one needs: "
        "@pytest.mark.mlregress(memory='16GB')",
        alone,
    )
