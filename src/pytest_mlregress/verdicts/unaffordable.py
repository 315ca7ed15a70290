"""A margin that the seeds cannot detect is a verdict on its test, and on no other.

Such a check would train every seed to end `inconclusive`. It ends after one seed: the margin is in
the code, and only a seed that records knows it. If the test has other metrics, which its seeds can
decide on, all of them run: no margin hides another one's loss.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from pytest_mlregress.baselines.artifact import Artifact, MetricBaseline
from pytest_mlregress.running.result import SeedResult
from pytest_mlregress.verdicts.checked_metric import metric_verdict
from pytest_mlregress.verdicts.context import JudgingContext
from pytest_mlregress.verdicts.curves import beside_curves
from pytest_mlregress.verdicts.group import SeedGroup
from pytest_mlregress.verdicts.metric_samples import margin_changes
from pytest_mlregress.verdicts.metrics import MetricsDecision
from pytest_mlregress.verdicts.policy import Rules
from pytest_mlregress.verdicts.shortfalls import Shortfall, shortfalls
from pytest_mlregress.verdicts.verdict import Verdict, VerdictKind
from pytest_mlregress.verdicts.ways_out import WaysOut


def unaffordable(case: JudgingContext, baseline: Artifact) -> tuple[Shortfall, ...]:
    """The metrics of a test that its seeds cannot decide on, all at once.

    Args:
        case: the test.
        baseline: its baseline.

    Returns:
        One entry per metric; none before a seed.
    """
    if not case.ready:
        return ()
    return shortfalls(len(case.group.plan.planned), case.ready[0], baseline, case.rules)


def looks_harmless(first: SeedResult, baseline: Artifact) -> bool:
    """False if the first seed is worse than every seed of the baseline in some metric.

    Seeds that cannot decide on the margin still show a collapse. So if a first seed may belong to
    one (of an unchanged training one in 21 does) the others run too, and the result is red or
    `unaffordable`.

    Args:
        first: the result of the first seed.
        baseline: the baseline.

    Returns:
        Whether the other seeds may be skipped.
    """
    return not any(
        _worse_than_all(metric.value, baseline.metrics[metric.name]) for metric in first.metrics
    )


def _worse_than_all(value: float, baseline: MetricBaseline) -> bool:
    if not math.isfinite(value):
        return True
    sign = 1.0 if baseline.higher_is_better else -1.0
    finite = [sign * other for other in baseline.values.values() if math.isfinite(other)]
    return bool(finite) and sign * value < min(finite)


def unaffordable_verdict(
    case: JudgingContext,
    baseline: Artifact,
    short: Sequence[Shortfall],
    decision: MetricsDecision | None = None,
) -> Verdict:
    """The verdict with the planner's numbers and the ways out.

    Args:
        case: the test.
        baseline: its baseline.
        short: the metrics that cannot be decided.
        decision: what the values say, None after the first seed: metrics that the seeds can decide
            on keep their verdict.

    Returns:
        The verdict.
    """
    ready = case.ready[: 1 if decision is None else decision.seeds]
    judged = {metric.name: metric for metric in decision.metrics} if decision is not None else {}
    for shortfall in short:
        metric = metric_verdict(
            shortfall.name, ready, baseline, case.rules, kind=VerdictKind.UNAFFORDABLE
        )
        judged[shortfall.name] = replace(metric, reasons=(shortfall.problem,))
    plan = case.group.plan
    return case.verdict(
        VerdictKind.UNAFFORDABLE,
        metrics=tuple(judged.values()),
        reasons=(*(shortfall.sentence for shortfall in short), *_level_in_words(case.rules)),
        notes=margin_changes(ready, baseline),
        next_steps=tuple(WaysOut(plan, len(plan.planned), case.rules, short)),
        decided_after=len(ready),
    )


def _level_in_words(rules: Rules) -> Iterator[str]:
    if rules.comparisons > 1:
        yield (
            f"the {rules.comparisons} comparisons of the suite share its alpha: each is held to "
            f"{rules.alpha:.3g}"
        )


@dataclass(frozen=True, slots=True)
class NextCheck:
    """What a check of a new baseline cannot decide.

    Attributes:
        metrics: the names of the metrics.
        reasons: why, with the planner's numbers.
        ways_out: what would make it affordable.
    """

    metrics: tuple[str, ...]
    reasons: tuple[str, ...]
    ways_out: tuple[str, ...]

    @property
    def warning(self) -> str:
        """A line, which alike tests share."""
        return f"{_BEFORE}: {too_few_seeds(self.metrics)}"

    @property
    def note(self) -> str:
        """The same with its numbers."""
        return f"{_BEFORE}: {'; '.join(self.reasons)}"


_BEFORE: Final = "a check will be unaffordable"


def too_few_seeds(metrics: Iterable[str]) -> str:
    """``too few seeds for accuracy and f1``, without the numbers, which have a place of their own.

    Args:
        metrics: the names of the metrics.

    Returns:
        The text.
    """
    return f"too few seeds for {' and '.join(metrics)}"


def unaffordable_next(group: SeedGroup, recorded: Artifact, rules: Rules) -> NextCheck | None:
    """The shortfalls of a check against a baseline that was just recorded, or None.

    Args:
        group: the seeds of the update.
        recorded: the new baseline.
        rules: how the test is judged.

    Returns:
        They.
    """
    first = group.reported[:1]
    rules = beside_curves(rules, recorded)
    found = shortfalls(group.plan.check_seeds, first[0], recorded, rules) if first else ()
    if not found:
        return None
    return NextCheck(
        metrics=tuple(shortfall.name for shortfall in found),
        reasons=(*(shortfall.sentence for shortfall in found), *_level_in_words(rules)),
        ways_out=tuple(WaysOut(group.plan, group.plan.check_seeds, rules, found)),
    )
