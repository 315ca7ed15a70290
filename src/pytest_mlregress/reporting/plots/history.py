"""The geometry of a plot of runs: a dot per run with its standard error, a line per change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from pytest_mlregress.history.series import Point, Series
from pytest_mlregress.reporting.history.text import code_text
from pytest_mlregress.reporting.number_format import number
from pytest_mlregress.reporting.plots.axis_scale import AxisScale
from pytest_mlregress.reporting.since_text import day_text

__all__ = ["HEIGHT", "WIDTH", "HistoryPlot", "history_plot"]

WIDTH: Final = 640
HEIGHT: Final = 180
LEFT: Final = 70
RIGHT: Final = 628
TOP: Final = 12
BOTTOM: Final = 148


@dataclass(frozen=True, slots=True)
class Dot:
    """One run.

    Attributes:
        x: horizontal position.
        y: vertical position of its mean.
        low: that of a standard error below.
        high: that of a standard error above.
        colour: of the verdict on the metric.
        title: text shown on hovering.
    """

    x: float
    y: float
    low: float
    high: float
    colour: str
    title: str


@dataclass(frozen=True, slots=True)
class HistoryPlot:
    """All positions in the units of an SVG of `WIDTH` x `HEIGHT`.

    Attributes:
        dots: the runs with finite values, oldest first.
        steps: (left, right, y) of each stretch between two changes, at its mean.
        cuts: horizontal position of each change.
        ticks: (y, label) of the vertical axis.
        first: label of the oldest run.
        last: label of the newest run.
    """

    dots: tuple[Dot, ...]
    steps: tuple[tuple[float, float, float], ...]
    cuts: tuple[float, ...]
    ticks: tuple[tuple[float, str], ...]
    first: str
    last: str


def history_plot(series: Series) -> HistoryPlot | None:
    """Where everything is drawn.

    Args:
        series: the metric.

    Returns:
        The plot; None without a run with finite values.
    """
    drawn = [point for point in series.by_code if point.finite]
    if not drawn:
        return None
    figures = [(point.mean, point.standard_error) for point in drawn]
    ends = [mean + sign * error for mean, error in figures for sign in (-1.0, 1.0)]
    axis = AxisScale.of(ends, BOTTOM, TOP)
    gap = (RIGHT - LEFT) / len(drawn)
    xs = [LEFT + gap * (at + 0.5) for at in range(len(drawn))]
    firsts = {id(change.first.run): change for change in series.changes}
    at_cuts = [at for at, point in enumerate(drawn) if id(point.run) in firsts]
    changes = [firsts[id(drawn[at].run)] for at in at_cuts]
    levels = [change.found.before for change in changes[:1]]
    levels += [change.found.after for change in changes]
    edges = [float(LEFT), *(LEFT + gap * at for at in at_cuts), float(RIGHT)]
    return HistoryPlot(
        dots=tuple(
            Dot(x, axis.at(m), axis.at(m - e), axis.at(m + e), point.colour, _title(point, m))
            for x, (m, e), point in zip(xs, figures, drawn, strict=True)
        ),
        steps=tuple((edges[at], edges[at + 1], axis.at(level)) for at, level in enumerate(levels)),
        cuts=tuple(edges[1:-1]),
        ticks=axis.ticks(),
        first=_label(drawn[0]),
        last=_label(drawn[-1]) if len(drawn) > 1 else "",
    )


def _title(point: Point, mean: float) -> str:
    return f"{_label(point)}: {number(mean, digits=4)}, {point.metric.verdict}"


def _label(point: Point) -> str:
    return f"{code_text(point)}, {day_text(point.run.time)}"
