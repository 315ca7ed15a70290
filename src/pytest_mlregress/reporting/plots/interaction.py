"""The geometry of interaction plots: the mean of a metric over one change, a line per other change.

Parallel lines: the changes act independently. Lines that diverge or cross: the effect of one
depends on the other.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import fmean, stdev
from typing import Final

from pytest_mlregress.reporting.number_format import number, numbers
from pytest_mlregress.reporting.plots.axis_scale import AxisScale
from pytest_mlregress.reporting.text_layout import one_line, shorten
from pytest_mlregress.revisions.ablation.results import Ablation, MetricEffects
from pytest_mlregress.statistics.factorial_designs import BASE, CellKey

__all__ = ["InteractionPlot", "Line", "Mark", "interaction_plots"]

WIDTH: Final = 380
HEIGHT: Final = 240
LEFT: Final = 64
RIGHT: Final = 250
TOP: Final = 34
BOTTOM: Final = 196
RADIUS: Final = 4.5

_COLUMNS: Final = (104, 214)
"""Horizontal positions of "without" and "with"."""

_APART: Final = 5.0
"""So far the marks of two lines are moved apart, so that their intervals do not overlap."""

_LABEL_HEIGHT: Final = 14.0
_LONGEST_LABEL: Final = 12
_CONFIDENCE: Final = 0.95


@dataclass(frozen=True, slots=True)
class Mark:
    """A mean with its interval.

    Attributes:
        x: horizontal position.
        y: vertical position of the mean.
        low: vertical position of the lower end of the interval; None without one.
        high: that of the upper end.
        title: text shown on hovering.
    """

    x: float
    y: float
    low: float | None
    high: float | None
    title: str


@dataclass(frozen=True, slots=True)
class Line:
    """The means without and with the change of the horizontal axis.

    Attributes:
        label: the other change, and whether it is on; empty where there is only one change.
        label_y: vertical position of the label.
        on: whether the other change is on: it has another colour, mark and dash.
        marks: one or two means; a combination that was not trained has none.
    """

    label: str
    label_y: float
    on: bool
    marks: tuple[Mark, ...]


@dataclass(frozen=True, slots=True)
class InteractionPlot:
    """All positions in the units of an SVG of `WIDTH` x `HEIGHT`.

    Attributes:
        title: the title.
        across: the change of the horizontal axis.
        columns: position and label of "without" and "with" it.
        lines: one line, or one per state of the other change.
        ticks: position and label of each tick of the vertical axis.
        loss: the band ``(y, height)`` of means worse than BASE by more than the margin.
    """

    title: str
    across: str
    columns: tuple[tuple[float, str], ...]
    lines: tuple[Line, ...]
    ticks: tuple[tuple[float, str], ...]
    loss: tuple[float, float] | None


def interaction_plots(ablation: Ablation, metric: MetricEffects) -> list[InteractionPlot]:
    """A plot for every two changes, the others averaged over; one plot for a single change.

    Args:
        ablation: what was found.
        metric: the metric.

    Returns:
        The plots; none where no seed has a finite value.
    """
    names = ablation.names
    pairs: list[tuple[str, str | None]] = [(names[0], None)]
    if len(names) > 1:
        pairs = [(across, other) for across, other in combinations(names, 2)]
    plots = (_plot(metric, across, other) for across, other in pairs)
    return [plot for plot in plots if plot is not None]


@dataclass(frozen=True, slots=True)
class _Mean:
    across: bool
    other: bool | None
    mean: float
    reach: float
    seeds: int


def _plot(metric: MetricEffects, across: str, other: str | None) -> InteractionPlot | None:
    means = list(_means(metric.values, across, other))
    if not means:
        return None
    limit = _limit(metric)
    ends = [end for found in means for end in (found.mean - found.reach, found.mean + found.reach)]
    scale = AxisScale.of(
        [*ends, *([] if limit is None else [limit])], BOTTOM - _APART, TOP + _APART
    )
    states = (None,) if other is None else (False, True)
    lines = [_line(means, scale, other, on) for on in states]
    title = f"{metric.metric} by {across}" + ("" if other is None else f" and {other}")
    short = shorten(one_line(across), _LONGEST_LABEL)
    return InteractionPlot(
        title=title,
        across=across,
        columns=tuple(zip(_COLUMNS, (f"without {short}", f"with {short}"), strict=True)),
        lines=_labels_apart([line for line in lines if line.marks]),
        ticks=scale.ticks(),
        loss=None if limit is None else _band(scale.at(limit), metric.higher_is_better),
    )


def _means(
    values: Mapping[CellKey, Mapping[int, float]], across: str, other: str | None
) -> Iterator[_Mean]:
    """The mean of each combination of two changes: within seeds over all others, then over seeds.

    Seeds without a finite value are left out here; the sentences say how many there are.
    """
    for on in (None,) if other is None else (False, True):
        for has in (False, True):
            cells = [
                sample
                for cell, sample in values.items()
                if (across in cell) == has and (on is None or (other in cell) == on)
            ]
            by_seed = list(_averages(cells))
            if by_seed:
                yield _Mean(has, on, fmean(by_seed), _reach(by_seed), len(by_seed))


def _averages(cells: Sequence[Mapping[int, float]]) -> Iterator[float]:
    for seed in sorted({seed for sample in cells for seed in sample}):
        found = [sample[seed] for sample in cells if math.isfinite(sample.get(seed, math.nan))]
        if found:
            yield fmean(found)


def _reach(sample: Sequence[float]) -> float:
    """Half of the 95 % t-interval of a mean; 0 for a single value."""
    from pytest_mlregress.statistics import special_functions as special

    if len(sample) < 2:
        return 0.0
    quantile = float(special.stdtrit(len(sample) - 1, (1 + _CONFIDENCE) / 2))
    return quantile * stdev(sample) / math.sqrt(len(sample))


def _limit(metric: MetricEffects) -> float | None:
    """The mean at which the loss against BASE reaches the margin."""
    if metric.effects is None or BASE not in metric.effects.cells:
        return None
    mean, margin = metric.effects.cells[BASE].mean, metric.effects.margin
    limit = mean - margin if metric.higher_is_better else mean + margin
    return limit if math.isfinite(limit) else None


def _band(limit: float, higher_is_better: bool) -> tuple[float, float]:
    start, end = (limit, float(BOTTOM)) if higher_is_better else (float(TOP), limit)
    return start, round(max(0.0, end - start), 2)


def _line(means: Sequence[_Mean], scale: AxisScale, other: str | None, on: bool | None) -> Line:
    shift = 0.0 if on is None else (_APART if on else -_APART)
    marks = []
    for found in means:
        if found.other != on:
            continue
        low, high = found.mean - found.reach, found.mean + found.reach
        mean, first, last = numbers((found.mean, low, high), digits=4, rounding=True)
        interval = f" [{first}, {last}]" if found.reach else ""
        marks.append(
            Mark(
                x=_COLUMNS[found.across] + shift,
                y=scale.at(found.mean),
                low=scale.at(low) if found.reach else None,
                high=scale.at(high) if found.reach else None,
                title=f"{mean}{interval}, {number(found.seeds)} seeds",
            )
        )
    label = ""
    if other is not None:
        label = f"{'with' if on else 'without'} {shorten(one_line(other), _LONGEST_LABEL)}"
    return Line(label, marks[-1].y if marks else 0.0, bool(on), tuple(marks))


def _labels_apart(lines: Sequence[Line]) -> tuple[Line, ...]:
    """The labels at the ends of the lines, moved apart where they would overlap."""
    if len(lines) < 2 or abs(lines[0].label_y - lines[1].label_y) >= _LABEL_HEIGHT:
        return tuple(lines)
    middle = (lines[0].label_y + lines[1].label_y) / 2
    half = _LABEL_HEIGHT / 2
    upper_first = lines[0].label_y <= lines[1].label_y
    places = (middle - half, middle + half) if upper_first else (middle + half, middle - half)
    return tuple(
        Line(line.label, round(place, 2), line.on, line.marks)
        for line, place in zip(lines, places, strict=True)
    )
