"""The runs of one metric, and where its mean changed.

A change is looked for in the order of the code and not of the clock: whoever checks out an old
commit, or bisects, runs old code after new one.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from pytest_mlregress.history.records import MetricRecord, RunRecord, TestRecord
from pytest_mlregress.verdicts.policy import Rules
from pytest_mlregress.verdicts.verdict import VerdictKind

if TYPE_CHECKING:
    from pytest_mlregress.statistics.change_points import ChangePoint

__all__ = ["Change", "Point", "Series", "series_of"]

_BY_TIME: Final[Mapping[str, int]] = MappingProxyType({})


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
        """Those that its verdict rests on, by seed, in metric units.

        Seeds that ended after the verdict was certain are none of them, so that the mean is the one
        that the run has shown.
        """
        decided = self.test.planned[: self.test.decided_after]
        found = {seed: value for seed, value in self.metric.values.items() if seed in decided}
        return found if found and len(found) == self.metric.n else self.metric.values

    @property
    def finite(self) -> bool:
        """Whether there are values, and all of them are finite."""
        return bool(self.values) and all(map(math.isfinite, self.values.values()))

    @property
    def mean(self) -> float:
        """Of the values, in metric units; only where they are finite."""
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
        by_code: its runs in the order of the code.
        changes: where its mean changed, in the order of the code.
    """

    test: str
    tier: str
    metric: str
    points: tuple[Point, ...]
    by_code: tuple[Point, ...]
    changes: tuple[Change, ...] = ()

    @property
    def higher_is_better(self) -> bool:
        """The direction of its newest run."""
        return self.points[-1].metric.higher_is_better


def series_of(
    runs: Iterable[RunRecord],
    *,
    metric: str | None = None,
    changes: bool = True,
    order: Mapping[str, int] = _BY_TIME,
) -> tuple[Series, ...]:
    """The series of all metrics in some runs.

    Args:
        runs: the runs, oldest first.
        metric: only metrics of this name; None for all.
        changes: whether to look for changes of the mean.
        order: where each commit stands, as `commit_order` gives it; one that is not in it stands
            by its time.

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
    recorded = {key: number for number, key in enumerate(points)}
    return tuple(
        _series(key, points[key], order, changes)
        for key in sorted(points, key=lambda key: (key[:2], recorded[key]))
    )


def _series(
    key: tuple[str, str, str], points: Sequence[Point], order: Mapping[str, int], changes: bool
) -> Series:
    by_code = _by_code(points, order)
    found = _changes(by_code, points[-1]) if changes else ()
    return Series(*key, tuple(points), by_code, found)


def _by_code(points: Sequence[Point], order: Mapping[str, int]) -> tuple[Point, ...]:
    """The runs by their commits, and those of the same code together.

    A run whose commit has no place stands behind all the code that ran before it.
    """
    newest = -1
    first: dict[tuple[str | None, str | None], tuple[int, int]] = {}
    places: list[tuple[int, int]] = []
    for number, point in enumerate(points):
        known = order.get(point.run.commit) if point.run.commit is not None else None
        place = (newest if known is None else known, number)
        newest = max(newest, place[0])
        places.append(
            place if point.run.commit is None else first.setdefault(point.run.code, place)
        )
    return tuple(points[at] for at in sorted(range(len(points)), key=lambda at: (places[at], at)))


def _changes(by_code: Sequence[Point], newest: Point) -> tuple[Change, ...]:
    from pytest_mlregress.statistics.change_points import change_points

    distinct = _distinct(by_code, newest.metric)
    found = change_points([tuple(one.values.values()) for one in distinct])
    return tuple(
        Change(
            last=(last := distinct[one.at - 1].last),
            first=(first := distinct[one.at].first),
            found=one,
            loss=(one.difference < 0.0) is first.metric.higher_is_better,
            environment=last.run.environment != first.run.environment,
        )
        for one in found
    )


@dataclass(slots=True)
class _Evidence:
    """Runs in a row that gave the same values, bit for bit, for the seeds that they share.

    Attributes:
        first: the first of them.
        last: the last of them.
        values: of all runs that gave these values, there or elsewhere, by seed.
    """

    first: Point
    last: Point
    values: dict[int, float]


def _distinct(points: Iterable[Point], newest: MetricRecord) -> list[_Evidence]:
    """What the runs say: finite ones of the newest kind, those that repeat another as that other.

    A run of fewer seeds that repeats another bit for bit has that one's mean, and not the one of
    its few seeds. A metric that is computed in another way since is another metric.
    """
    from pytest_mlregress.statistics.seed_run_layout import same_values

    kind = (newest.version, newest.higher_is_better)
    kept: list[_Evidence] = []
    samples: list[dict[int, float]] = []
    alike: dict[tuple[int, float], set[int]] = {}  # the samples in which a seed has that value
    for point in points:
        if not point.finite or (point.metric.version, point.metric.higher_is_better) != kind:
            continue
        pairs = point.values.items()
        near = sorted({at for pair in pairs for at in alike.get(pair, ())})
        number = next((at for at in near if same_values(point.values, samples[at])), len(samples))
        if number == len(samples):
            samples.append({})
        samples[number].update(point.values)
        for pair in pairs:
            alike.setdefault(pair, set()).add(number)
        if kept and kept[-1].values is samples[number]:
            kept[-1].last = point
        else:
            kept.append(_Evidence(point, point, samples[number]))
    return kept
