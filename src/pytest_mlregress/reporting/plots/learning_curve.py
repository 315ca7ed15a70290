"""The geometry of learning curves: the candidate's seeds over the band of the baseline's."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final, TypeAlias

from pytest_mlregress.plurals import count_of
from pytest_mlregress.reporting.number_format import number, numbers
from pytest_mlregress.reporting.plots.axis_scale import AxisScale

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array: TypeAlias = NDArray[np.float64]

WIDTH: Final = 340
HEIGHT: Final = 200
LEFT: Final = 50
RIGHT: Final = 330
TOP: Final = 10
BOTTOM: Final = 166

LINES_SHOWN: Final = 6
"""Single seeds that are drawn: of more, those farthest from the baseline's mean."""

_POINTS: Final = 64
"""Points of a line: one every four units, of which a reader sees no more."""

_DETAILED_POINTS: Final = 256
"""Points of a line that a reader looks at closely."""

_DECADES: Final = 100.0
"""The ratio of positive values beyond which their axis is logarithmic."""

_COLUMNS: Final = 100_000
"""Units of a path from the first step to the last, at most."""

_FINE: Final = 2
"""Units of a path in one unit of the SVG, upwards."""

_DETAILED_FINE: Final = 10
"""The same where a reader looks closely."""

Curve: TypeAlias = Sequence[tuple[int, float]]


@dataclass(frozen=True, slots=True)
class CurveLine:
    """One seed of the candidate.

    Attributes:
        seed: the seed.
        path: of an SVG, in the plot's ``view``.
        title: text shown on hovering.
        failed: whether the seed failed.
    """

    seed: int
    path: str
    title: str
    failed: bool


@dataclass(frozen=True, slots=True)
class LearningCurvePlot:
    """All positions in the units of an SVG of `WIDTH` x `HEIGHT`, but for the paths.

    Paths are relative and in steps across, since equal pieces of text compress to little.

    Attributes:
        name: what was logged.
        view: the rectangle of the paths' units that the axes enclose, as a ``viewBox``.
        steps: the first step, and the steps in a unit of a path.
        values: the lowest value and the highest; their logarithms to base 10 if `logarithmic`.
        band: from the lowest to the highest seed of the baseline, by step; empty without seeds.
        mean: the baseline's mean.
        lines: the candidate's seeds.
        across: position and label of ticks of the steps.
        up: those of the values.
        logarithmic: whether the values' axis is logarithmic.
        caption: what is drawn, in a sentence.
        summary: the same with where both sides end, for those who cannot see it.
    """

    name: str
    view: str
    steps: str
    values: str
    band: str
    mean: str
    lines: tuple[CurveLine, ...]
    across: tuple[tuple[float, str], ...]
    up: tuple[tuple[float, str], ...]
    logarithmic: bool
    caption: str
    summary: str


def learning_curve_plot(
    name: str,
    before: Mapping[int, Curve],
    now: Mapping[int, Curve],
    *,
    other: str = "baseline",
    failed: Collection[int] = (),
    detailed: bool = False,
) -> LearningCurvePlot | None:
    """The plot of one curve's seeds on both sides.

    Args:
        name: what was logged.
        before: the (step, value) points of the baseline's or the base's seeds.
        now: those of the candidate's.
        other: what the other side is called.
        failed: the candidate's seeds that failed.
        detailed: whether to keep what is only seen of a part of the plot, in four times the size.

    Returns:
        The positions; None without two finite points.
    """
    points = _DETAILED_POINTS if detailed else _POINTS
    band = _Band.of([_points(curve, points) for curve in before.values()])
    lines = {seed: _points(curve, points) for seed, curve in now.items()}
    chosen = _farthest(lines, band, failed)
    fine = _DETAILED_FINE if detailed else _FINE
    axes = _Axes.of([*(lines[seed] for seed in chosen), band.low, band.high], fine)
    if axes is None:
        return None
    caption = _caption(len(before), len(now), len(chosen), other)
    return LearningCurvePlot(
        name=name,
        view=axes.view,
        steps=f"{axes.across.low!r} {axes.step!r}",
        values=f"{axes.up.low!r} {axes.up.high!r}",
        band=axes.area(band),
        mean=axes.path(band.mean),
        lines=tuple(
            CurveLine(
                seed,
                axes.path(lines[seed]),
                _title(seed, now[seed], seed in failed),
                seed in failed,
            )
            for seed in chosen
        ),
        across=axes.across.ticks(),
        up=_decades(axes.up) if axes.logarithmic else axes.up.ticks(),
        logarithmic=axes.logarithmic,
        caption=caption,
        summary="; ".join([caption, *_ends([*lines.values()], "now"), *_ends([band.mean], other)]),
    )


def _points(curve: Curve, most: int) -> Array:
    """At most so many of a curve, evenly chosen, its ends included: shape (n, 2), step by row."""
    import numpy as np

    if len(curve) > most:
        curve = [curve[index] for index in _chosen(len(curve), most)]
    try:
        return np.array(curve, dtype=float).reshape(-1, 2)
    except OverflowError:  # a step beyond every double
        return np.empty((0, 2))


@lru_cache(maxsize=64)
def _chosen(n: int, most: int) -> tuple[int, ...]:
    """So many of n indices."""
    import numpy as np

    return tuple(np.linspace(0, n - 1, most).round().astype(int).tolist())


@dataclass(frozen=True, slots=True)
class _Band:
    """The baseline's seeds by step: three curves of shape (n, 2)."""

    low: Array
    mean: Array
    high: Array

    @classmethod
    def of(cls, curves: Sequence[Array]) -> _Band:
        """At the steps of the longest seed, others interpolated within their own steps."""
        import numpy as np

        finite = [curve[np.isfinite(curve[:, 1])] for curve in curves]
        finite = [curve for curve in finite if len(curve)]
        if not finite:
            nothing = np.empty((0, 2))
            return cls(nothing, nothing, nothing)
        steps = max(finite, key=len)[:, 0]
        table = np.array(
            [
                np.interp(steps, curve[:, 0], curve[:, 1], left=np.nan, right=np.nan)
                for curve in finite
            ]
        )
        # Halved, since the sum of large doubles can overflow.
        mean = np.nanmean(table / 2, axis=0) * 2
        sides = (np.nanmin(table, axis=0), mean, np.nanmax(table, axis=0))
        return cls(*(np.column_stack((steps, side)) for side in sides))


@dataclass(frozen=True, slots=True)
class _Axes:
    """Where points are in the paths of one plot."""

    across: AxisScale
    up: AxisScale
    logarithmic: bool
    fine: int

    @classmethod
    def of(cls, curves: Sequence[Array], fine: int) -> _Axes | None:
        """The axes on which the finite points of the curves fit; None for fewer than two."""
        import numpy as np

        points = np.concatenate(curves)
        points = points[np.isfinite(points).all(axis=1)]
        if len(points) < 2:
            return None
        (first, low), (last, high) = points.min(axis=0).tolist(), points.max(axis=0).tolist()
        logarithmic = low > 0 and high > _DECADES * low
        ends = [math.log10(low), math.log10(high)] if logarithmic else [low, high]
        return cls(
            AxisScale.of([first, last], LEFT, RIGHT),
            AxisScale.of(ends, BOTTOM, TOP),
            logarithmic,
            fine,
        )

    @property
    def step(self) -> float:
        """Steps in one unit of a path: a whole number, so that equal steps are equal pieces."""
        return max(1.0, math.ceil((self.across.high - self.across.low) / _COLUMNS))

    @property
    def view(self) -> str:
        span = (self.across.high - self.across.low) / self.step
        return f"0 0 {span:g} {self.fine * (BOTTOM - TOP)}"

    def path(self, points: Array) -> str:
        """A line, interrupted where a value is not finite."""
        return "".join(
            f"M{run[0]}{'l' if run[1:] else 'h0'}{' '.join(run[1:])}" for run in self._runs(points)
        )

    def area(self, band: _Band) -> str:
        """The outline between the lowest and the highest."""
        import numpy as np

        return self.path(np.concatenate((band.high, band.low[::-1]))) if len(band.low) > 1 else ""

    def _runs(self, points: Array) -> Iterator[list[str]]:
        """Of each uninterrupted line the first place and the way to each of the next ones."""
        import numpy as np

        places = np.full(points.shape, np.nan)
        places[:, 0] = np.rint((points[:, 0] - self.across.low) / self.step)
        with np.errstate(invalid="ignore", divide="ignore"):
            values = np.log10(points[:, 1]) if self.logarithmic else points[:, 1]
            # In quarters, since the span of two large doubles can overflow.
            share = (values / 4 - self.up.low / 4) / (self.up.high / 4 - self.up.low / 4)
            places[:, 1] = np.rint(self.fine * (BOTTOM - TOP) * (1 - share))
        finite = np.isfinite(places).all(axis=1)
        for run in np.split(places, np.flatnonzero(~finite)):
            inside = run[np.isfinite(run).all(axis=1)].astype(int)
            if len(inside):
                ways = np.vstack((inside[:1], np.diff(inside, axis=0))).tolist()
                yield [f"{x}{y}" if y < 0 else f"{x} {y}" for x, y in ways]


def _decades(scale: AxisScale) -> tuple[tuple[float, str], ...]:
    """A tick at powers of ten, at most six of them."""
    first, last = math.ceil(scale.low), math.floor(scale.high)
    every = max(1, math.ceil((last - first + 1) / 6))
    return tuple(
        (scale.at(power), number(10.0**power, digits=1)) for power in range(first, last + 1, every)
    )


def _farthest(lines: Mapping[int, Array], band: _Band, failed: Collection[int]) -> tuple[int, ...]:
    """The seeds to draw, those that failed first."""
    if len(lines) <= LINES_SHOWN:
        return tuple(sorted(lines))
    by_distance = sorted(
        lines, key=lambda seed: (seed not in failed, -_distance(lines[seed], band))
    )
    return tuple(sorted(by_distance[:LINES_SHOWN]))


def _distance(curve: Array, band: _Band) -> float:
    """Mean distance from the baseline's mean, where both are known."""
    import numpy as np

    points = curve[np.isfinite(curve[:, 1])]
    if not len(points) or not len(band.mean):
        return 0.0
    with np.errstate(over="ignore"):
        return float(np.mean(np.abs(points[:, 1] / 2 - np.interp(points[:, 0], *band.mean.T) / 2)))


def _title(seed: int, curve: Curve, failed: bool) -> str:
    step, value = curve[-1] if curve else (0, math.nan)
    what = ", failed" if failed else ""
    return f"seed {seed}{what}: {number(value, digits=4)} at step {step}"


def _caption(before: int, now: int, drawn: int, other: str) -> str:
    lines = f"lines: {count_of(now, 'seed')} now"
    if drawn < now:
        lines = f"lines: the {drawn} of {now} seeds now that are farthest from the {other}'s mean"
    if not before:
        return f"{lines}; the {other} has no such curve"
    band = f"band: from the lowest to the highest of {count_of(before, 'seed')} of the {other}"
    return f"{lines}; {band}, dashed their mean"


def _ends(curves: Sequence[Array], side: str) -> Iterator[str]:
    """``now ends between 0.1 and 0.2``, by the last finite values; nothing without any."""
    import numpy as np

    finite = [curve[np.isfinite(curve[:, 1]), 1] for curve in curves]
    ends = sorted({float(values[-1]) for values in finite if len(values)})
    if ends:
        texts = list(dict.fromkeys(numbers((ends[0], ends[-1]), digits=4)))
        between = f"between {texts[0]} and {texts[1]}" if len(texts) > 1 else f"at {texts[0]}"
        yield f"{side} ends {between}"
