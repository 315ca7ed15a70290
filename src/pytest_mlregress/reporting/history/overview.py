"""The history of a suite at a glance: a line per test and per metric."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pytest_mlregress.history.records import RunRecord
from pytest_mlregress.history.series import Series
from pytest_mlregress.plurals import count_of
from pytest_mlregress.reporting.history.text import change_text
from pytest_mlregress.reporting.number_format import number
from pytest_mlregress.reporting.since_text import days_text
from pytest_mlregress.reporting.text_layout import one_line, pad, width_of, wrap

__all__ = ["overview_lines"]

_LONGEST_NAME = 24


def overview_lines(
    runs: Sequence[RunRecord], series: Sequence[Series], *, place: str, width: int
) -> Iterator[str]:
    """Each metric with its newest mean and its newest change.

    Args:
        runs: the runs, oldest first, at least one.
        series: their metrics.
        place: the file or URL.
        width: in terminal cells.

    Yields:
        The lines.
    """
    days = days_text(runs[0].time, runs[-1].time)
    yield from wrap(f"{count_of(len(runs), 'run')}, {days}, in {place}", width, rest="  ")
    names = [min(width_of(one_line(one.metric)), _LONGEST_NAME) for one in series]
    column = max(names, default=0)
    last: tuple[str, str] | None = None
    for one in series:
        if (one.test, one.tier) != last:
            last = (one.test, one.tier)
            yield from _test(one)
        yield from _metric(one, column, width)
    yield "more of a test: mlregress history TEST"


def _test(series: Series) -> Iterator[str]:
    tier = "" if series.tier == "default" else f" ({series.tier})"
    newest = series.points[-1]
    red = sum(point.test.colour == "red" for point in series.points)
    yield ""
    yield one_line(f"{series.test}{tier}")
    yield (
        f"  {newest.test.verdict} in the newest of {count_of(len(series.points), 'run')}, {red} red"
    )


def _metric(series: Series, column: int, width: int) -> Iterator[str]:
    name = pad(one_line(series.metric), column)
    mean = series.points[-1].metric.mean
    changed = change_text(series.changes[-1]) if series.changes else "no change shown"
    first = f"  {name}  {pad(number(mean, digits=4), 8)}  "
    yield from wrap(changed, width, first=first, rest="    ")
