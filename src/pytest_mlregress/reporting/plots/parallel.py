"""The geometry of parallel coordinates: a line per run through hyper-parameters and metrics."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from pytest_mlregress.reporting.number_format import number
from pytest_mlregress.reporting.plots.axis_scale import AxisScale
from pytest_mlregress.reporting.text_layout import one_line, shorten

HEIGHT: Final = 214
TOP: Final = 44
BOTTOM: Final = 190
STEP: Final = 124
EDGE: Final = 60

AXES_SHOWN: Final = 12
RUNS_SHOWN: Final = 32
_LABEL: Final = 24
_VALUE: Final = 14
_LARGEST: Final = 10**300


@dataclass(frozen=True, slots=True)
class Run:
    """One line: a seed on a side, or a test.

    Attributes:
        title: text shown on hovering.
        side: ``now``, ``before`` or, of an earlier baseline, ``past``.
        values: hyper-parameters and metrics by name.
    """

    title: str
    side: str
    values: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Axis:
    """One name.

    Attributes:
        x: horizontal position.
        label: the name, shortened.
        name: the whole name.
        ticks: height and label of its values.
    """

    x: float
    label: str
    name: str
    ticks: tuple[tuple[float, str], ...]


@dataclass(frozen=True, slots=True)
class ParallelPlot:
    """All positions in the units of an SVG of `width` x `HEIGHT`.

    Attributes:
        width: of the SVG.
        axes: the axes from left to right.
        lines: path, side and title of each run.
        caption: what is drawn, in a sentence.
    """

    width: int
    axes: tuple[Axis, ...]
    lines: tuple[tuple[str, str, str], ...]
    caption: str


def parallel_plot(names: Sequence[str], runs: Sequence[Run]) -> ParallelPlot | None:
    """The plot of runs.

    Args:
        names: the axes, from left to right.
        runs: the lines.

    Returns:
        The positions; None with fewer than two axes or runs.
    """
    names = names[:AXES_SHOWN]
    shown = _evenly(runs)
    if len(names) < 2 or len(shown) < 2:
        return None
    places = [_Places.of([run.values.get(name) for run in shown]) for name in names]
    axes = tuple(
        Axis(EDGE + index * STEP, shorten(one_line(name), _LABEL), name, place.ticks())
        for index, (name, place) in enumerate(zip(names, places, strict=True))
    )
    lines = []
    for run in shown:
        heights = [p.at(run.values.get(name)) for name, p in zip(names, places, strict=True)]
        lines.append((_path(heights, axes), run.side, run.title))
    left_out = f", {len(shown)} of {len(runs)} shown" if len(shown) < len(runs) else ""
    return ParallelPlot(
        width=2 * EDGE + STEP * (len(axes) - 1),
        axes=axes,
        lines=tuple(line for line in lines if line[0]),
        caption=f"a line is a run{left_out}; hover over one to see which",
    )


def _evenly(runs: Sequence[Run]) -> Sequence[Run]:
    if len(runs) <= RUNS_SHOWN:
        return runs
    last = len(runs) - 1
    return [runs[round(index * last / (RUNS_SHOWN - 1))] for index in range(RUNS_SHOWN)]


@dataclass(frozen=True, slots=True)
class _Places:
    """Heights of an axis' values: numbers on a scale, anything else one below the other."""

    scale: AxisScale
    words: Mapping[str, float]

    @classmethod
    def of(cls, values: Sequence[object]) -> _Places:
        known = [value for value in values if value is not None]
        if known and all(map(_is_number, known)):
            finite = [float(v) for v in known if math.isfinite(float(v))]  # type: ignore[arg-type]
            return cls(AxisScale.of(finite, BOTTOM, TOP), {})
        words = sorted({_word(value) for value in known})
        scale = AxisScale(0.0, max(1.0, len(words) - 1.0), TOP, BOTTOM)
        if len(words) == 1:
            return cls(scale, {words[0]: (TOP + BOTTOM) / 2})
        return cls(scale, {word: scale.at(index) for index, word in enumerate(words)})

    def at(self, value: object) -> float | None:
        if value is None:
            return None
        if self.words:
            return self.words.get(_word(value))
        number = float(value)  # type: ignore[arg-type]
        return self.scale.at(number) if math.isfinite(number) else None

    def ticks(self) -> tuple[tuple[float, str], ...]:
        if self.words:
            places = list(self.words.items())
            every = max(1, math.ceil(len(places) / 8))
            return tuple((y, shorten(word, _VALUE)) for word, y in places[::every])
        ends = (self.scale.low, self.scale.high)
        return tuple((self.scale.at(end), number(end, digits=3)) for end in ends)


def _is_number(value: object) -> bool:
    """Whether it has a place on a scale; integers beyond every double are words."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return isinstance(value, float) or abs(value) < _LARGEST


def _word(value: object) -> str:
    return number(float(value)) if isinstance(value, float) else one_line(str(value))


def _path(heights: Sequence[float | None], axes: Sequence[Axis]) -> str:
    """The line, interrupted where a value is missing."""
    return "".join(_pieces(heights, axes))


def _pieces(heights: Sequence[float | None], axes: Sequence[Axis]) -> Iterator[str]:
    draws = False
    for height, axis in zip(heights, axes, strict=True):
        if height is not None:
            yield f"{'L' if draws else 'M'}{axis.x:g} {height:g}"
        draws = height is not None
