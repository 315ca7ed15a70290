"""How well a suite has done its work: false reds, what its tests saw, and seeds for nothing."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import Any, Final

from pytest_mlregress.history.kept_artifacts import kept_artifact
from pytest_mlregress.history.records import RunRecord, TestRecord
from pytest_mlregress.history.series import Series, series_of
from pytest_mlregress.verdicts.baseline_health import RUNS_NEEDED, baseline_remark
from pytest_mlregress.verdicts.green_runs import GreenRun
from pytest_mlregress.verdicts.verdict import MetricVerdict, VerdictKind

__all__ = ["FalseReds", "FlakyTest", "MetricHealth", "SuiteHealth", "TestSeeds", "suite_health"]

_CONFIDENCE: Final = 0.95
_FALSE: Final = frozenset({VerdictKind.REGRESSION, VerdictKind.DIVERGED})
_JUDGED: Final = frozenset({*_FALSE, VerdictKind.PASS, VerdictKind.IMPROVEMENT, VerdictKind.MINOR,
                            VerdictKind.IDENTICAL, VerdictKind.INCONCLUSIVE,
                            VerdictKind.UNAFFORDABLE})  # fmt: skip


@dataclass(frozen=True, slots=True)
class FalseReds:
    """Runs of unchanged code: of the baselines' own commits, clean, in their environment.

    Attributes:
        runs: how many there were.
        red: how many of them showed a regression or a divergence.
        identical: how many had no other value than the baselines', bit for bit, in any test that
            was compared.
        interval: 95 % confidence interval of the share of red ones (Clopper and Pearson).
        alpha: the share that was promised at most, the largest of these runs.
        tests: by test, how many of its verdicts there were red.
    """

    runs: int
    red: int
    identical: int
    interval: tuple[float, float]
    alpha: float
    tests: Mapping[str, int] = field(default_factory=dict)

    @property
    def share(self) -> float:
        """Of red runs; NaN without a run."""
        return self.red / self.runs if self.runs else math.nan


@dataclass(frozen=True, slots=True)
class FlakyTest:
    """A test that was red and not red on the same code in the same environment.

    Attributes:
        test: the node id without the seed.
        tier: the tier.
        commit: the code; None outside git.
        red: how many runs were red.
        runs: how many there were.
    """

    test: str
    tier: str
    commit: str | None
    red: int
    runs: int


@dataclass(frozen=True, slots=True)
class MetricHealth:
    """What a metric has shown.

    Attributes:
        test: the node id without the seed.
        tier: the tier.
        metric: its name.
        runs: how often it was compared.
        margin: that of the newest comparison, in metric units.
        detectable: the loss that its seeds find with 90 % power, in metric units: the median over
            the comparisons, by their recorded standard deviations.
        smallest_red: the smallest loss that was red, in metric units; None without one.
        largest_green: the largest loss that was green, in metric units; None without one.
        remark: what the green runs say against its baseline; empty for nothing.
    """

    test: str
    tier: str
    metric: str
    runs: int
    margin: float
    detectable: float
    smallest_red: float | None
    largest_green: float | None
    remark: str = ""


@dataclass(frozen=True, slots=True)
class TestSeeds:
    """What became of the seeds of a test's checks.

    Attributes:
        test: the node id without the seed.
        tier: the tier.
        checks: how many there were.
        declared: the most seeds that one could take, today.
        needed: the most that one has taken to decide.
        trained: seeds that trained, in all.
        late: those of them that ended after the verdict was certain.
        late_seconds: how long these took.
    """

    __test__ = False

    test: str
    tier: str
    checks: int
    declared: int
    needed: int
    trained: int
    late: int
    late_seconds: float


@dataclass(frozen=True, slots=True)
class SuiteHealth:
    """What the runs of a suite say about it.

    Attributes:
        runs: how many runs there are.
        first: when the oldest began.
        last: when the newest began.
        false_reds: of unchanged code.
        flaky: tests that were red and not red on the same code.
        metrics: what each has shown.
        seeds: what became of them.
    """

    runs: int
    first: str
    last: str
    false_reds: FalseReds
    flaky: tuple[FlakyTest, ...]
    metrics: tuple[MetricHealth, ...]
    seeds: tuple[TestSeeds, ...]


def suite_health(runs: Sequence[RunRecord], baseline: Callable[[str], Any]) -> SuiteHealth:
    """What the runs of a suite say about it.

    Args:
        runs: the runs, oldest first, at least one.
        baseline: gives the document of a baseline by its revision, None where it is not there.

    Returns:
        The figures.
    """
    return SuiteHealth(
        runs=len(runs),
        first=runs[0].time,
        last=runs[-1].time,
        false_reds=_false_reds(runs),
        flaky=_flaky(runs),
        metrics=tuple(
            _metric(series, baseline)
            for series in series_of(_checks(runs), changes=False)
            if any(point.metric.compared for point in series.points)
        ),
        seeds=_seeds(runs),
    )


def _checks(runs: Iterable[RunRecord]) -> list[RunRecord]:
    return [run for run in runs if run.kind == "check"]


def _unchanged(test: TestRecord) -> bool:
    """Whether a verdict compared a baseline with its own code in its own environment."""
    return test.same_code is True and not test.differences and test.verdict in _JUDGED


def _false_reds(runs: Sequence[RunRecord]) -> FalseReds:
    """A run counts by its tests of unchanged code; one without such a test does not."""
    number = red = identical = 0
    alpha, tests = 0.0, dict[str, int]()
    for run in runs:
        unchanged = [test for test in run.tests if _unchanged(test)]
        if run.kind == "update" or not unchanged:
            continue
        false = [test.test for test in unchanged if test.verdict in _FALSE]
        number += 1
        red += bool(false)
        compared = {test.verdict for test in unchanged} - {VerdictKind.UNAFFORDABLE}
        identical += compared == {VerdictKind.IDENTICAL}
        alpha = max(alpha, run.alpha)
        for name in false:
            tests[name] = tests.get(name, 0) + 1
    return FalseReds(number, red, identical, _share_interval(red, number), alpha, tests)


def _share_interval(successes: int, trials: int) -> tuple[float, float]:
    if not trials:
        return (0.0, 1.0)
    from scipy.stats import binomtest

    found = binomtest(successes, trials).proportion_ci(_CONFIDENCE, "exact")
    return (float(found.low), float(found.high))


def _flaky(runs: Sequence[RunRecord]) -> tuple[FlakyTest, ...]:
    colours: dict[tuple[object, ...], list[bool]] = {}
    names: dict[tuple[object, ...], tuple[str, str, str | None]] = {}
    for run in _checks(runs):
        if run.commit is None:  # nothing tells which code that was
            continue
        for test in run.tests:
            if test.verdict not in _JUDGED:
                continue
            key = (test.test, test.tier, *run.code, run.environment, test.baseline_revision)
            names[key] = (test.test, test.tier, run.commit)
            colours.setdefault(key, []).append(test.colour == "red")
    return tuple(
        FlakyTest(*names[key], red=sum(found), runs=len(found))
        for key, found in colours.items()
        if 0 < sum(found) < len(found)
    )


def _metric(series: Series, baseline: Callable[[str], Any]) -> MetricHealth:
    compared = [point for point in series.points if point.metric.compared]
    losses = [(point.test.colour, point.metric) for point in compared]
    red = [m.loss for _, m in losses if m.verdict == VerdictKind.REGRESSION and m.loss > 0.0]
    green = [m.loss for colour, m in losses if colour == "green" and m.loss > 0.0]
    detectable = [m.detectable for _, m in losses if math.isfinite(m.detectable)]
    return MetricHealth(
        test=series.test,
        tier=series.tier,
        metric=series.metric,
        runs=len(compared),
        margin=compared[-1].metric.margin,
        detectable=median(detectable) if detectable else math.nan,
        smallest_red=min(red, default=None),
        largest_green=max(green, default=None),
        remark=_remark(series, baseline),
    )


def _remark(series: Series, baseline: Callable[[str], Any]) -> str:
    """What the green runs against the newest baseline say against it."""
    newest = series.points[-1]
    revision = newest.test.baseline_revision
    runs = [
        GreenRun(point.run.commit or "", VerdictKind(point.metric.verdict), point.metric.values)
        for point in series.points
        if point.test.colour == "green"
        and point.finite
        and point.test.baseline_revision == revision
    ]
    document = baseline(revision) if revision is not None and len(runs) >= RUNS_NEEDED else None
    if document is None:
        return ""
    recorded = kept_artifact(document, newest.test.baseline_revision or "").metrics.get(
        series.metric
    )
    metric = MetricVerdict(
        name=series.metric,
        kind=VerdictKind(newest.metric.verdict),
        higher_is_better=newest.metric.higher_is_better,
        declared="auto",
        alpha=newest.metric.alpha,
        baseline=recorded.values if recorded is not None else {},
    )
    return baseline_remark(metric, runs) or ""


def _seeds(runs: Sequence[RunRecord]) -> tuple[TestSeeds, ...]:
    by_test: dict[tuple[str, str], list[TestRecord]] = {}
    for run in _checks(runs):
        for test in run.tests:
            if test.verdict in _JUDGED:
                by_test.setdefault((test.test, test.tier), []).append(test)
    return tuple(_seeds_of(key, tests) for key, tests in sorted(by_test.items()))


def _seeds_of(key: tuple[str, str], tests: Sequence[TestRecord]) -> TestSeeds:
    late = [
        seed
        for test in tests
        for seed in test.seeds
        if seed.outcome == "finished"
        and not seed.cached
        and seed.seed not in test.planned[: test.decided_after]
    ]
    trained = sum(seed.outcome == "finished" for test in tests for seed in test.seeds)
    return TestSeeds(
        *key,
        checks=len(tests),
        declared=len(tests[-1].planned),
        needed=max(test.decided_after for test in tests),
        trained=trained,
        late=len(late),
        late_seconds=sum(seed.duration for seed in late),
    )
