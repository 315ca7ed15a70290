"""The geometry of a strip plot: a dot per seed, the baseline's row above the candidate's.

Below them the interval of the difference, drawn from the baseline's mean, so that it can be read
against that mean and the margin: on the losing side of the mean as a whole it shows a loss, outside
the shade as a whole it excludes a loss of the margin.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pytest_mlregress.plurals import count_of
from pytest_mlregress.reporting.metric_text import (
    compares_matched_seeds,
    difference_with_interval,
    level_text,
    shown_interval,
)
from pytest_mlregress.reporting.number_format import number
from pytest_mlregress.reporting.plots.axis_scale import AxisScale
from pytest_mlregress.reporting.sample_text import summarise
from pytest_mlregress.verdicts.verdict import MetricVerdict

WIDTH: Final = 340
HEIGHT: Final = 142
LEFT: Final = 66
RIGHT: Final = 326
ROWS: Final = (28, 68)
INTERVAL: Final = 98
AXIS: Final = 112
RADIUS: Final = 3.6


@dataclass(frozen=True, slots=True)
class Dot:
    """One seed.

    Attributes:
        x: horizontal position.
        y: vertical position.
        title: text shown on hovering.
        finite: False for NaN and infinities, which are drawn at the bad end.
    """

    x: float
    y: float
    title: str
    finite: bool


@dataclass(frozen=True, slots=True)
class Row:
    """One sample.

    Attributes:
        label: the label of the row.
        y: vertical position.
        dots: its seeds.
        mean: horizontal position of its mean, None if it is not finite.
        count: the number of seeds in words; empty without any.
    """

    label: str
    y: float
    dots: tuple[Dot, ...]
    mean: float | None
    count: str


@dataclass(frozen=True, slots=True)
class Interval:
    """The confidence interval of the difference, from the mean that the candidate is compared with.

    Attributes:
        low: horizontal position of its lower end.
        high: that of its upper end.
        middle: that of the difference.
        cut: whether an end lies outside of the plot.
        title: text shown on hovering.
    """

    low: float
    high: float
    middle: float
    cut: tuple[bool, bool]
    title: str


@dataclass(frozen=True, slots=True)
class StripPlot:
    """All positions in the units of an SVG of `WIDTH` x `HEIGHT`.

    Attributes:
        title: the title.
        rows: the baseline's row and the candidate's.
        ticks: position and label of each tick.
        loss: the band ``(x, width)`` of means worse than the baseline's by more than the margin.
        limit: where that band begins; None without one.
        interval: the interval of the difference; None where nothing was compared.
    """

    title: str
    rows: tuple[Row, Row]
    ticks: tuple[tuple[float, str], ...]
    loss: tuple[float, float] | None
    limit: float | None = None
    interval: Interval | None = None


def strip_plot(metric: MetricVerdict) -> StripPlot | None:
    """The plot of a metric's two samples.

    Args:
        metric: the metric.

    Returns:
        The positions; None without any value.
    """
    if not metric.baseline and not metric.candidate:
        return None
    reference = _reference(metric)
    limit = _limit(metric, reference)
    values = [*metric.baseline.values(), *metric.candidate.values()]
    shown = [v for v in (*values, limit) if v is not None and math.isfinite(v)]
    scale = AxisScale.of(
        [*shown, *_reachable(_ends(metric, reference), shown)], LEFT + 10, RIGHT - 10
    )
    rows = tuple(
        _row(
            label, y, sample, scale, metric.unit, bad_end=LEFT if metric.higher_is_better else RIGHT
        )
        for label, y, sample in zip(
            ("base" if metric.base else "baseline", "now"),
            ROWS,
            (metric.baseline, metric.candidate),
            strict=True,
        )
    )
    at = None if limit is None else scale.at(limit)
    return StripPlot(
        title=f"{metric.name} by {metric.unit}",
        rows=(rows[0], rows[1]),
        ticks=scale.ticks(),
        loss=None if at is None else _band(at, metric.higher_is_better),
        limit=at,
        interval=_interval(metric, reference, scale),
    )


def _reference(metric: MetricVerdict) -> float:
    """The mean that the candidate's is compared with: that of its own seeds if they were matched.

    NaN where nothing was compared.
    """
    if metric.comparison is None:
        return math.nan
    difference = metric.comparison.difference
    if compares_matched_seeds(metric) and math.isfinite(difference):
        return summarise(metric.candidate.values()).mean - difference
    return summarise(metric.baseline.values()).mean


def _limit(metric: MetricVerdict, reference: float) -> float | None:
    """The mean at which a loss reaches the margin."""
    if metric.comparison is None:
        return None
    margin = metric.comparison.margin
    limit = reference - margin if metric.higher_is_better else reference + margin
    return limit if math.isfinite(limit) else None


def _ends(metric: MetricVerdict, reference: float) -> tuple[float, float]:
    """The interval of the difference, from the reference; NaN where nothing was compared."""
    shown = shown_interval(metric)
    if shown is None:
        return math.nan, math.nan
    return reference + shown[0], reference + shown[1]


def _reachable(ends: Sequence[float], shown: Sequence[float]) -> Iterator[float]:
    """The ends of an interval that do not press all dots together; the others are cut."""
    if not shown:
        return
    low, high = min(shown), max(shown)
    span = high - low
    for end in ends:
        if low - span <= end <= high + span:
            yield end


def _interval(metric: MetricVerdict, reference: float, scale: AxisScale) -> Interval | None:
    comparison = metric.comparison
    if comparison is None or not math.isfinite(comparison.difference + reference):
        return None
    ends = _ends(metric, reference)
    cut = (not ends[0] >= scale.low, not ends[1] <= scale.high)
    low = LEFT if cut[0] else scale.at(ends[0])
    high = RIGHT if cut[1] else scale.at(ends[1])
    middle = min(max(scale.at(reference + comparison.difference), LEFT), RIGHT)
    level = f"{level_text(metric)} interval of the difference"
    return Interval(low, high, middle, cut, f"{level}: {difference_with_interval(metric)}")


def _band(limit: float, higher_is_better: bool) -> tuple[float, float]:
    start, end = (LEFT - 6, limit) if higher_is_better else (limit, RIGHT + 6)
    return start, max(0.0, end - start)


def _row(
    label: str,
    y: float,
    sample: Mapping[int, float],
    scale: AxisScale,
    unit: str,
    *,
    bad_end: float,
) -> Row:
    mean = summarise(sample.values()).mean
    placed: list[Dot] = []
    for seed, value in sorted(sample.items(), key=lambda item: (math.isfinite(item[1]), item)):
        finite = math.isfinite(value)
        x = round(scale.at(value), 1) if finite else bad_end
        title = f"{unit} {seed}: {number(value, digits=5)}"
        placed.append(Dot(x, _free_height(x, y, placed), title, finite))
    place = scale.at(mean) if math.isfinite(mean) else None
    return Row(label, y, tuple(placed), place, count_of(len(sample), unit) if sample else "")


def _free_height(x: float, y: float, placed: Sequence[Dot]) -> float:
    """The height nearest to the row's where a dot overlaps none; the row's where all are taken."""
    for step in (0, -1, 1, -2, 2, -3, 3, -4, 4):
        height = y + step * 4
        if all(abs(dot.x - x) >= 2 * RADIUS or abs(dot.y - height) >= 4 for dot in placed):
            return height
    return y
