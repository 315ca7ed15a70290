"""The geometry of a run's timeline: a row per worker, a mark per item that ran on it.

Marks that would be too narrow to see or to point at are drawn together with their neighbours, so
that a page holds as many workers and seeds as a run has.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

from pytest_mlregress.plurals import count_of
from pytest_mlregress.reporting.number_format import seconds
from pytest_mlregress.reporting.plots.axis_scale import AxisScale
from pytest_mlregress.reporting.text_layout import one_line, shorten
from pytest_mlregress.reporting.timeline_text import timeline_line
from pytest_mlregress.timeline.spans import RunTimeline, WorkerTimeline
from pytest_mlregress.timeline.utilisation import RunUtilisation, Segment, Utilisation

WIDTH: Final = 960
LEFT: Final = 92
RIGHT: Final = 948
TOP: Final = 30
ROW: Final = 22
BAR: Final = 14

DASHED: Final = ("startup", "collection", "lost")
"""Classes of marks that are drawn as dashes, to be told from the others without their colours."""

WORKERS_SHOWN: Final = 64
_MOST_MARKS: Final = 2400
"""About as many are drawn in all rows together: some 100 bytes of a page each."""

_NARROW: Final = 3.0
_LEAST_WIDTH: Final = 0.8
_ID_CELLS: Final = 13
_NAME_CELLS: Final = 80

_LEGEND: Final = {
    "now": "training",
    "before": "training of the base",
    "other": "other tests",
    "failed": "failed",
    "lost": "lost",
    "collection": "collection",
    "startup": "other start-up",
    "waiting": "waiting",
}
"""What each class of a mark stands for, in the order of the legend."""

_UNITS: Final = ((3 * 3600.0, 3600.0, " h"), (180.0, 60.0, " min"), (0.0, 1.0, " s"))
"""From how many seconds on, the seconds of a unit and what follows a number of it."""


@dataclass(frozen=True, slots=True)
class Mark:
    """One rectangle in a row.

    Attributes:
        x: its left end.
        width: its width.
        style: what it stands for, a key of the legend.
        title: text shown on hovering.
    """

    x: float
    width: float
    style: str
    title: str


@dataclass(frozen=True, slots=True)
class WorkerRow:
    """One worker.

    Attributes:
        y: the upper edge of its marks.
        label: its id, shortened.
        name: its id, and its machine where that is another.
        marks: the whole time in which it was there, then its start-up and its items from left to
            right.
    """

    y: float
    label: str
    name: str
    marks: tuple[Mark, ...]


@dataclass(frozen=True, slots=True)
class TimelinePlot:
    """All positions in the units of an SVG of `WIDTH` x `height`.

    Attributes:
        height: of the SVG.
        bottom: of the lowest row.
        rows: the workers, from top to bottom.
        ticks: position and label of each tick.
        unit: of the ticks, as it follows a number.
        legend: position, class and words of each kind of mark that occurs.
        summary: what the time went into.
        caption: what is left out, and how to read a mark.
    """

    height: int
    bottom: int
    rows: tuple[WorkerRow, ...]
    ticks: tuple[tuple[float, str], ...]
    unit: str
    legend: tuple[tuple[float, str, str], ...]
    summary: str
    caption: str


def timeline_plot(timeline: RunTimeline) -> TimelinePlot:
    """Where everything is drawn.

    Args:
        timeline: of the run.

    Returns:
        The plot.
    """
    run = RunUtilisation(timeline)
    shown = run.workers[:WORKERS_SHOWN]
    _, size, unit = next(one for one in _UNITS if timeline.ended >= one[0])
    axis = AxisScale(0.0, max(timeline.ended, 1e-9), LEFT, RIGHT)
    narrow = max(_NARROW, (RIGHT - LEFT) * len(shown) / _MOST_MARKS)
    rows = tuple(
        _row(worker, spent, axis, TOP + ROW * position, narrow)
        for position, (worker, spent) in enumerate(shown)
    )
    bottom = TOP + ROW * len(rows)
    in_units = AxisScale(0.0, axis.high / size, LEFT, RIGHT)
    left_out = ""
    if len(shown) < len(run.workers):
        left_out = f"{len(shown)} of {count_of(len(run.workers), 'worker')}; "
    return TimelinePlot(
        height=bottom + 34,
        bottom=bottom,
        rows=rows,
        ticks=in_units.ticks(),
        unit=unit,
        legend=tuple(_legend(rows)),
        summary=timeline_line(timeline),
        caption=f"{left_out}point at a mark to read what ran; short items are drawn together",
    )


def _row(
    worker: WorkerTimeline, spent: Utilisation, axis: AxisScale, y: float, narrow: float
) -> WorkerRow:
    name = worker.id if worker.host is None else f"{worker.id} on {worker.host}"
    of_use = spent.seconds
    waits = f"waiting {seconds(spent.idle['between'])} between items"
    title = (
        f"{name}: training {seconds(of_use['training'])}, start-up {seconds(of_use['start-up'])}, "
        f"{waits} and {seconds(spent.idle['end'])} at the end"
    )
    start = axis.at(worker.began)
    place = Mark(start, _rounded(axis.at(worker.ended) - start), "waiting", title)
    startup = _startup_marks(spent.segments, axis)
    items = _item_marks(spent.segments, axis, narrow)
    marks = (place, *startup, *items)
    return WorkerRow(y, shorten(one_line(worker.id), _ID_CELLS), name, marks)


def _startup_marks(segments: Iterable[Segment], axis: AxisScale) -> Iterator[Mark]:
    for segment in segments:
        if segment.use != "start-up":
            continue
        style = "collection" if segment.cause else "startup"
        title = f"{segment.cause or segment.use}: {seconds(segment.seconds)}"
        x = axis.at(segment.start)
        yield Mark(x, _rounded(axis.at(segment.stop) - x), style, title)


@dataclass(slots=True)
class _Items:
    """Items that are drawn together."""

    left: float
    right: float
    segments: list[Segment] = field(default_factory=list)

    def mark(self) -> Mark:
        spent: Counter[str] = Counter()
        for segment in self.segments:
            spent[_style_of(segment)] += segment.seconds  # type: ignore[assignment]
        style, _ = spent.most_common(1)[0]
        width = _rounded(max(self.right - self.left, _LEAST_WIDTH))
        return Mark(self.left, width, style, self._title())

    def _title(self) -> str:
        first = self.segments[0]
        if len(self.segments) == 1 and first.item is not None:
            name = shorten(one_line(first.item.node_id), _NAME_CELLS)
            end = "" if first.item.outcome == "finished" else f", {first.item.outcome}"
            return f"{name}: {seconds(first.seconds)} from {seconds(first.start)} on{end}"
        total = seconds(sum(segment.seconds for segment in self.segments))
        failed = sum(_style_of(segment) == "failed" for segment in self.segments)
        end = f", {failed} failed" if failed else ""
        return f"{count_of(len(self.segments), 'item')}: {total} together{end}"


def _item_marks(segments: Iterable[Segment], axis: AxisScale, narrow: float) -> Iterator[Mark]:
    current: _Items | None = None
    for segment in segments:
        if segment.item is None:
            continue
        left, right = axis.at(segment.start), axis.at(segment.stop)
        if current is not None and right - current.left < narrow:
            current.right = right
        else:
            if current is not None:
                yield current.mark()
            current = _Items(left, right)
        current.segments.append(segment)
    if current is not None:
        yield current.mark()


def _style_of(segment: Segment) -> str:
    item = segment.item
    if item is None or segment.use == "lost":
        return "lost"
    if item.outcome == "failed":
        return "failed"
    return {"candidate": "now", "base": "before", None: "other"}[item.side]


def _legend(rows: Iterable[WorkerRow]) -> Iterator[tuple[float, str, str]]:
    found = {mark.style for row in rows for mark in row.marks}
    x = float(LEFT)
    for style, words in _LEGEND.items():
        if style in found:
            yield x, style, words
            x += 34 + 6 * len(words)


def _rounded(width: float) -> float:
    return round(width, 1)
