"""The geometry of learning curves: the candidate's seeds over the band of the baseline's."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from pytest_mlregress.plurals import count_of
from pytest_mlregress.reporting.axis_scale import AxisScale
from pytest_mlregress.reporting.number_format import number

WIDTH: Final = 340
HEIGHT: Final = 200
LEFT: Final = 50
RIGHT: Final = 330
TOP: Final = 10
BOTTOM: Final = 166

LINES_SHOWN: Final = 10
"""Single seeds that are drawn: of more, those farthest from the baseline's mean."""

_POINTS: Final = 100
"""Points of a line: more than the pixels between them would show."""

_DECADES: Final = 100.0
"""The ratio of positive values beyond which their axis is logarithmic."""

Curve: TypeAlias = Sequence[tuple[int, float]]
Point: TypeAlias = tuple[float, float]


@dataclass(frozen=True, slots=True)
class CurveLine:
    """One seed of the candidate.

    Attributes:
        path: of an SVG, in tenths of a unit.
        title: text shown on hovering.
        failed: whether the seed failed.
    """

    path: str
    title: str
    failed: bool


@dataclass(frozen=True, slots=True)
class LearningCurvePlot:
    """All positions in the units of an SVG of `WIDTH` x `HEIGHT`; paths in tenths of them.

    Attributes:
        name: what was logged.
        band: from the lowest to the highest seed of the baseline, by step; empty without seeds.
        mean: the baseline's mean.
        lines: the candidate's seeds.
        across: position and label of ticks of the steps.
        up: those of the values.
        logarithmic: whether the values' axis is logarithmic.
        caption: what is drawn, in a sentence.
    """

    name: str
    band: str
    mean: str
    lines: tuple[CurveLine, ...]
    across: tuple[tuple[float, str], ...]
    up: tuple[tuple[float, str], ...]
    logarithmic: bool
    caption: str


def learning_curve_plot(
    name: str,
    before: Mapping[int, Curve],
    now: Mapping[int, Curve],
    *,
    other: str = "baseline",
    failed: Collection[int] = (),
) -> LearningCurvePlot | None:
    """The plot of one curve's seeds on both sides.

    Args:
        name: what was logged.
        before: the (step, value) points of the baseline's or the base's seeds.
        now: those of the candidate's.
        other: what the other side is called.
        failed: the candidate's seeds that failed.

    Returns:
        The positions; None without two finite points.
    """
    band = _Band.of(before)
    edges = (band.low, band.high)
    before_points = [p for edge in edges for p in zip(band.steps, edge, strict=True)]
    points = [p for curve in (*now.values(), before_points) for p in curve if math.isfinite(p[1])]
    if len(points) < 2:
        return None
    values = [value for _, value in points]
    logarithmic = min(values) > 0 and max(values) > _DECADES * min(values)
    across = AxisScale.of([float(step) for step, _ in points], LEFT, RIGHT)
    up = AxisScale.of([_scaled(v, logarithmic) for v in values], BOTTOM, TOP)
    chosen = _farthest(now, band, failed)
    axes = _Axes(across, up, logarithmic)
    return LearningCurvePlot(
        name=name,
        band=_area(band, axes),
        mean=_path(list(zip(band.steps, band.mean, strict=True)), axes),
        lines=tuple(_line(seed, now[seed], axes, failed=seed in failed) for seed in chosen),
        across=across.ticks(),
        up=_decades(up) if logarithmic else up.ticks(),
        logarithmic=logarithmic,
        caption=_caption(len(before), len(now), len(chosen), other),
    )


@dataclass(frozen=True, slots=True)
class _Band:
    """The baseline's seeds by step."""

    steps: tuple[float, ...] = ()
    low: tuple[float, ...] = ()
    mean: tuple[float, ...] = ()
    high: tuple[float, ...] = ()

    @classmethod
    def of(cls, curves: Mapping[int, Curve]) -> _Band:
        """At the steps of the longest seed, others interpolated within their own steps."""
        import numpy as np

        finite = [[p for p in curve if math.isfinite(p[1])] for curve in curves.values()]
        finite = [curve for curve in finite if curve]
        if not finite:
            return cls()
        steps = np.array([step for step, _ in _thinned(max(finite, key=len))], dtype=float)
        rows = []
        for curve in finite:
            xs, ys = np.array(curve, dtype=float).T
            rows.append(np.interp(steps, xs, ys, left=np.nan, right=np.nan))
        table = np.array(rows)
        known = ~np.isnan(table).all(axis=0)
        table, steps = table[:, known], steps[known]
        # Halved, since the sum of large doubles can overflow.
        mean = np.nanmean(table / 2, axis=0) * 2
        columns = (steps, np.nanmin(table, axis=0), mean, np.nanmax(table, axis=0))
        return cls(*(tuple(column.tolist()) for column in columns))


@dataclass(frozen=True, slots=True)
class _Axes:
    across: AxisScale
    up: AxisScale
    logarithmic: bool

    def at(self, point: tuple[float, float]) -> tuple[int, int]:
        """In tenths of a unit."""
        x, y = self.across.at(point[0]), self.up.at(_scaled(point[1], self.logarithmic))
        return round(10 * x), round(10 * y)


def _scaled(value: float, logarithmic: bool) -> float:
    return math.log10(value) if logarithmic else value


def _decades(scale: AxisScale) -> tuple[tuple[float, str], ...]:
    """A tick at powers of ten, at most six of them."""
    first, last = math.ceil(scale.low), math.floor(scale.high)
    every = max(1, math.ceil((last - first + 1) / 6))
    return tuple(
        (scale.at(power), number(10.0**power, digits=1)) for power in range(first, last + 1, every)
    )


def _farthest(now: Mapping[int, Curve], band: _Band, failed: Collection[int]) -> tuple[int, ...]:
    """The seeds to draw, those that failed first."""
    if len(now) <= LINES_SHOWN:
        return tuple(sorted(now))
    by_distance = sorted(now, key=lambda seed: (seed not in failed, -_distance(now[seed], band)))
    return tuple(sorted(by_distance[:LINES_SHOWN]))


def _distance(curve: Curve, band: _Band) -> float:
    """Mean distance from the baseline's mean, where both are known."""
    import numpy as np

    points = [point for point in curve if math.isfinite(point[1])]
    if not points or not band.steps:
        return 0.0
    xs, ys = np.array(points, dtype=float).T
    with np.errstate(over="ignore"):
        return float(np.mean(np.abs(ys / 2 - np.interp(xs, band.steps, band.mean) / 2)))


def _thinned(points: Sequence[tuple[int, float]]) -> Sequence[tuple[int, float]]:
    """At most `_POINTS` of them, evenly chosen, the ends included."""
    if len(points) <= _POINTS:
        return points
    last = len(points) - 1
    return [points[round(index * last / (_POINTS - 1))] for index in range(_POINTS)]


def _area(band: _Band, axes: _Axes) -> str:
    if len(band.steps) < 2:
        return ""
    there = zip(band.steps, band.high, strict=True)
    back = zip(reversed(band.steps), reversed(band.low), strict=True)
    return _joined(map(axes.at, (*there, *back))) + "z"


def _path(points: Sequence[Point] | Curve, axes: _Axes) -> str:
    """The line, interrupted where a value is not finite."""
    return "".join(_joined(map(axes.at, run)) for run in _runs(_thinned(points)))  # type: ignore[arg-type]


def _runs(points: Iterable[Point]) -> Iterator[list[Point]]:
    run: list[Point] = []
    for point in points:
        if math.isfinite(point[1]):
            run.append(point)
        elif run:
            yield run
            run = []
    if run:
        yield run


def _joined(places: Iterable[tuple[int, int]]) -> str:
    """A path through places, each relative to the one before: that is shorter."""
    places = iter(places)
    x, y = next(places)
    pieces = [f"M{x} {y}l"]
    for next_x, next_y in places:
        pieces.append(f"{next_x - x} {next_y - y} ")
        x, y = next_x, next_y
    text = "".join(pieces).rstrip()
    return f"M{x} {y}h0" if text.endswith("l") else text.replace(" -", "-")


def _line(seed: int, curve: Curve, axes: _Axes, *, failed: bool) -> CurveLine:
    step, value = curve[-1] if curve else (0, math.nan)
    what = ", failed" if failed else ""
    title = f"seed {seed}{what}: {number(value, digits=4)} at step {step}"
    return CurveLine(_path(curve, axes), title, failed)


def _caption(before: int, now: int, drawn: int, other: str) -> str:
    lines = f"lines: {count_of(now, 'seed')} now"
    if drawn < now:
        lines = f"lines: the {drawn} of {now} seeds now that are farthest from the {other}'s mean"
    if not before:
        return f"{lines}; the {other} has no such curve"
    band = f"band: from the lowest to the highest of {count_of(before, 'seed')} of the {other}"
    return f"{lines}; {band}, dashed their mean"
