"""The geometry of a strip plot: a dot per seed, the baseline's row above the candidate's."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pytest_mlregress.reporting.axis_scale import AxisScale
from pytest_mlregress.reporting.number_format import number
from pytest_mlregress.reporting.sample_text import summarise
from pytest_mlregress.verdicts.verdict import MetricVerdict

WIDTH: Final = 480
HEIGHT: Final = 128
LEFT: Final = 76
RIGHT: Final = 456
ROWS: Final = (30, 72)
AXIS: Final = 98
RADIUS: Final = 4.5


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
    """

    label: str
    y: float
    dots: tuple[Dot, ...]
    mean: float | None


@dataclass(frozen=True, slots=True)
class StripPlot:
    """All positions in the units of an SVG of `WIDTH` x `HEIGHT`.

    Attributes:
        title: the title.
        rows: the baseline's row and the candidate's.
        ticks: position and label of each tick.
        loss: the band ``(x, width)`` of means worse than the baseline's by more than the margin.
    """

    title: str
    rows: tuple[Row, Row]
    ticks: tuple[tuple[float, str], ...]
    loss: tuple[float, float] | None


def strip_plot(metric: MetricVerdict) -> StripPlot | None:
    """The plot of a metric's two samples.

    Args:
        metric: the metric.

    Returns:
        The positions; None without any value.
    """
    if not metric.baseline and not metric.candidate:
        return None
    limit = _limit(metric)
    values = [*metric.baseline.values(), *metric.candidate.values()]
    scale = AxisScale.of(
        [v for v in (*values, limit) if v is not None and math.isfinite(v)], LEFT + 12, RIGHT - 12
    )
    rows = tuple(
        _row(label, y, sample, scale, bad_end=LEFT if metric.higher_is_better else RIGHT)
        for label, y, sample in zip(
            ("base" if metric.base else "baseline", "now"),
            ROWS,
            (metric.baseline, metric.candidate),
            strict=True,
        )
    )
    return StripPlot(
        title=f"{metric.name} by seed",
        rows=(rows[0], rows[1]),
        ticks=scale.ticks(),
        loss=None if limit is None else _band(scale.at(limit), metric.higher_is_better),
    )


def _limit(metric: MetricVerdict) -> float | None:
    """The mean at which a loss reaches the margin."""
    if metric.comparison is None:
        return None
    margin = metric.comparison.margin
    mean = summarise(metric.baseline.values()).mean
    limit = mean - margin if metric.higher_is_better else mean + margin
    return limit if math.isfinite(limit) else None


def _band(limit: float, higher_is_better: bool) -> tuple[float, float]:
    start, end = (LEFT - 12, limit) if higher_is_better else (limit, RIGHT + 12)
    return start, max(0.0, end - start)


def _row(
    label: str, y: float, sample: Mapping[int, float], scale: AxisScale, *, bad_end: float
) -> Row:
    mean = summarise(sample.values()).mean
    placed: list[Dot] = []
    for seed, value in sorted(sample.items(), key=lambda item: (math.isfinite(item[1]), item)):
        finite = math.isfinite(value)
        x = scale.at(value) if finite else bad_end
        title = f"seed {seed}: {number(value, digits=6)}"
        placed.append(Dot(x, _free_height(x, y, placed), title, finite))
    return Row(label, y, tuple(placed), scale.at(mean) if math.isfinite(mean) else None)


def _free_height(x: float, y: float, placed: Sequence[Dot]) -> float:
    """The height nearest to the row's where a dot overlaps none; the row's where all are taken."""
    for step in (0, -1, 1, -2, 2, -3, 3):
        height = y + step * 4
        if all(abs(dot.x - x) >= 2 * RADIUS or abs(dot.y - height) >= 4 for dot in placed):
            return height
    return y
