"""Metric by metric: the samples of a look, their comparison, and its verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pytest_mlregress.baselines.artifact import Artifact
from pytest_mlregress.running.result import SeedResult
from pytest_mlregress.verdicts.joint_levels import LookedAt, joint_levels
from pytest_mlregress.verdicts.metric_samples import metric_names
from pytest_mlregress.verdicts.policy import Rules
from pytest_mlregress.verdicts.spreading import with_spread
from pytest_mlregress.verdicts.verdict import MetricVerdict, VerdictKind, most_severe

if TYPE_CHECKING:
    pass

from pytest_mlregress.verdicts.checked_metric import (
    RED,
    CheckedMetric,
    Step,
    follow,
    metric_verdict,
)


@dataclass(frozen=True, slots=True)
class MetricsDecision:
    """What the values say about a test.

    Attributes:
        kind: the verdict.
        metrics: the verdict on each metric.
        seeds: number of seeds that it rests on.
        reasons: why.
        notes: remarks that do not change it.
    """

    kind: VerdictKind
    metrics: tuple[MetricVerdict, ...]
    seeds: int
    reasons: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def judge_metrics(
    ready: Sequence[SeedResult], planned: Sequence[int], baseline: Artifact, rules: Rules
) -> MetricsDecision | None:
    """Look at every metric, or return None while the seeds of the deciding look are missing.

    A test is decided by the first look at which one metric is red or every metric is decided. A
    metric that was decided at an earlier look keeps that verdict.

    Args:
        ready: the results that may be used.
        planned: the seeds of the check.
        baseline: the baseline.
        rules: how the test is judged.

    Returns:
        The decision.
    """
    if rules.test == "paired" and (unmatched := _unmatched(ready, baseline)):
        return MetricsDecision(VerdictKind.INCOMPARABLE, (), len(ready), (unmatched,))
    looks = look_numbers(len(planned), rules)
    if len(ready) < looks[0]:
        return None
    followed = [follow(name, ready, looks, baseline, rules) for name in metric_names(ready)]
    for n in (n for n in looks if n <= len(ready)):
        followed = _held_together(followed, n, rules)
        reached = [_reached(checked.steps, n) for checked in followed]
        decided = [step for step in reached if step is not None and step.decided]
        red = any(step.metric.kind in RED for step in decided)
        if red or len(decided) == len(reached):
            metrics = tuple(
                with_spread(step.ended, rules)
                if step is not None
                else _not_looked_at(name, ready[:n], baseline, rules)
                for step, name in zip(reached, metric_names(ready), strict=True)
            )
            return MetricsDecision(
                most_severe(tuple(metric.kind for metric in metrics)), metrics, n
            )
    return None


def _reached(steps: Sequence[Step], n: int) -> Step | None:
    """The step that holds after n seeds: the deciding one, otherwise the latest."""
    until = [step for step in steps if step.n_seeds <= n]
    return next((step for step in until if step.decided), until[-1] if until else None)


def look_numbers(n: int, rules: Rules) -> tuple[int, ...]:
    """After how many seeds a check is judged.

    Only tests whose p-values are exact for few seeds can stop early.

    Args:
        n: the largest number of seeds.
        rules: how the test is judged.

    Returns:
        Increasing numbers of seeds.
    """
    from pytest_mlregress.looks import default_looks
    from pytest_mlregress.statistics.early_stop import SEQUENTIAL_TESTS

    sequential = (
        rules.early
        and rules.expect is None
        and rules.dispersion == "off"  # a spread needs every seed
        and rules.test in SEQUENTIAL_TESTS
    )
    return default_looks(n) if sequential else (n,)


def compared(
    name: str, ready: Sequence[SeedResult], baseline: Artifact, rules: Rules
) -> MetricVerdict:
    """Compare one metric once, with all the seeds that are ready.

    Args:
        name: the name of the metric.
        ready: the results that may be used.
        baseline: the baseline.
        rules: how the test is judged.

    Returns:
        The verdict on the metric.
    """
    (step,) = follow(name, ready, (len(ready),), baseline, rules).steps
    return step.metric


def _held_together(
    checked_metrics: Sequence[CheckedMetric], n: int, rules: Rules
) -> list[CheckedMetric]:
    """The metrics after one relabelling for all of them at the look at n seeds, if it applies.

    It is drawn only if no metric is red without it.
    """
    steps = [checked.at(n) for checked in checked_metrics]
    if any(step is not None and step.metric.kind in RED for step in steps):
        return list(checked_metrics)
    looks = [
        LookedAt(checked.check, checked.metric, n, step.p_harm if step is not None else None)
        for checked, step in zip(checked_metrics, steps, strict=True)
    ]
    return [
        checked if joint is None else replace(checked, joint={**checked.joint, n: joint}).followed()
        for checked, joint in zip(checked_metrics, joint_levels(looks, rules), strict=True)
    ]


def _unmatched(ready: Sequence[SeedResult], baseline: Artifact) -> str:
    for name, metric in baseline.metrics.items():
        missing = [seed.seed for seed in ready if seed.seed not in metric.values]
        if missing:
            return (
                f"test='paired' needs a baseline value of {name!r} for every seed; "
                f"there is none for {', '.join(map(str, missing))}: record the baseline again"
            )
    return ""


def _not_looked_at(
    name: str, seen: Sequence[SeedResult], baseline: Artifact, rules: Rules
) -> MetricVerdict:
    """A metric whose only look was still to come when another metric's verdict ended the test."""
    metric = metric_verdict(name, seen, baseline, rules, kind=VerdictKind.INCONCLUSIVE)
    return replace(metric, notes=("not looked at, since another metric is red",))
