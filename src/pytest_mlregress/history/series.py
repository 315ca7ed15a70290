"""The runs of one metric in the order of time, and where its mean changed."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pytest_mlregress.history.records import MetricRecord, RunRecord, TestRecord
from pytest_mlregress.verdicts.policy import Rules
from pytest_mlregress.verdicts.verdict import VerdictKind

if TYPE_CHECKING:
    from pytest_mlregress.statistics.change_points import ChangePoint

__all__ = ["Change", "Point", "Series", "series_of"]


@dataclass(frozen=True, slots=True)
class Point:
    """A metric in one run.

    Attributes:
        run: the run.
        test: the test.
        metric: the metric.
    """

    run: RunRecord
    test: TestRecord
    metric: MetricRecord

    @property
    def colour(self) -> str:
        """The colour of the verdict on the metric, as its run judged it."""
        rules = Rules(alpha=self.run.alpha, strict=bool(self.run.options.get("strict")))
        return str(rules.colour(VerdictKind(self.metric.verdict)))

    @property
    def values(self) -> Mapping[int, float]:
        """The values of the seeds that reported, in metric units."""
        return self.metric.values

    @property
    def finite(self) -> bool:
        """Whether there are values, and all of them are finite."""
        return bool(self.values) and all(map(math.isfinite, self.values.values()))

    @property
    def mean(self) -> float:
        """Of all values, in metric units; only where they are finite."""
        return math.fsum(self.values.values()) / len(self.values)

    @property
    def standard_error(self) -> float:
        """Of the mean; 0 for a single value."""
        n = len(self.values)
        squares = math.fsum((value - self.mean) ** 2 for value in self.values.values())
        return math.sqrt(squares / (n - 1) / n) if n > 1 else 0.0


@dataclass(frozen=True, slots=True)
class Change:
    """A change of the mean between two runs.

    Attributes:
        last: the last run before it.
        first: the first run after it.
        found: its figures; indices count the runs that were looked at.
        loss: whether it is one.
        environment: whether the environments of both runs differ.
    """

    last: Point
    first: Point
    found: ChangePoint
    loss: bool
    environment: bool


@dataclass(frozen=True, slots=True)
class Series:
    """One metric of a test and tier.

    Attributes:
        test: the node id without the seed.
        tier: the tier.
        metric: the name of the metric.
        points: its runs, oldest first.
        changes: where its mean changed, oldest first.
    """

    test: str
    tier: str
    metric: str
    points: tuple[Point, ...]
    changes: tuple[Change, ...] = ()

    @property
    def higher_is_better(self) -> bool:
        """The direction of its newest run."""
        return self.points[-1].metric.higher_is_better


def series_of(
    runs: Iterable[RunRecord], *, metric: str | None = None, changes: bool = True
) -> tuple[Series, ...]:
    """The series of all metrics in some runs.

    Args:
        runs: the runs, oldest first.
        metric: only metrics of this name; None for all.
        changes: whether to look for changes of the mean.

    Returns:
        The series, by test, tier and the order of recording.
    """
    points: dict[tuple[str, str, str], list[Point]] = {}
    for run in runs:
        for test in run.tests:
            for found in test.metrics:
                if metric in (None, found.name):
                    key = (test.test, test.tier, found.name)
                    points.setdefault(key, []).append(Point(run, test, found))
    order = {key: number for number, key in enumerate(points)}
    series = (
        Series(*key, tuple(points[key]))
        for key in sorted(points, key=lambda key: (key[:2], order[key]))
    )
    return tuple(replace(one, changes=_changes(one.points)) if changes else one for one in series)


def _changes(points: Sequence[Point]) -> tuple[Change, ...]:
    from pytest_mlregress.statistics.change_points import change_points

    distinct = _distinct(points)
    found = change_points([tuple(point.values.values()) for point in distinct])
    return tuple(
        Change(
            last=distinct[one.at - 1],
            first=distinct[one.at],
            found=one,
            loss=(one.difference < 0.0) is distinct[one.at].metric.higher_is_better,
            environment=distinct[one.at - 1].run.environment != distinct[one.at].run.environment,
        )
        for one in found
    )


def _distinct(points: Sequence[Point]) -> list[Point]:
    """The runs that are evidence: finite ones of the newest kind that repeat no run before them.

    A run that gives the values of the one before it, bit for bit, says nothing new; the longer one
    of both stays. A metric that is computed in another way since is another metric.
    """
    from pytest_mlregress.statistics.seed_run_layout import same_values

    newest = points[-1].metric
    kept: list[Point] = []
    for point in points:
        metric = point.metric
        same_metric = (metric.version, metric.higher_is_better) == (
            newest.version,
            newest.higher_is_better,
        )
        if not point.finite or not same_metric:
            continue
        if not kept or not same_values(point.values, kept[-1].values):
            kept.append(point)
        elif len(point.values) > len(kept[-1].values):
            kept[-1] = replace(kept[-1], metric=metric)
    return kept
