"""A curve as a table and a sentence."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from pytest_mlregress.plurals import count_of
from pytest_mlregress.reporting.number_format import number, numbers
from pytest_mlregress.reporting.text_layout import one_line, wrap
from pytest_mlregress.revisions.curves.result import PART, CurveResult
from pytest_mlregress.statistics.sample_efficiency import BandPoint

__all__ = ["curve_document", "curve_lines", "curve_sentence", "curve_title", "table_rows"]


def curve_title(found: CurveResult) -> str:
    """What the curve shows.

    Args:
        found: the curve.

    Returns:
        One line.
    """
    tier = "" if found.tier == "default" else f" ({found.tier})"
    against = "the share of the data" if found.over == "data" else "the training steps"
    name = found.metric
    if found.curve not in (None, found.metric):
        name = f"{found.metric} (curve {found.curve})"
    seeds = count_of(len(found.seeds), "seed")
    return one_line(f"{found.test}{tier}: {name} against {against}, {seeds}")


def curve_sentence(found: CurveResult) -> str:
    """Where the curve reaches 90 % of its end.

    Args:
        found: the curve.

    Returns:
        One or two sentences.
    """
    reached = found.reached
    first, last = found.line[0], found.line[-1]
    what = f"{PART:.0%}".replace("%", " %") + (
        " of the final score"
        if reached.level == "score"
        else " of the improvement from the first point to the last"
    )
    if reached.share is None:
        ends = numbers((first.mean, last.mean), digits=4)
        return f"no improvement: {found.metric} goes from {ends[0]} to {ends[1]}"
    target, end = numbers((reached.target, last.mean), digits=4)
    text = f"{what} ({target}; {end} at the end) at "
    text += f"{'most ' if reached.at_first else ''}{_place(found, reached.share)}"
    if reached.low is not None and reached.high is not None:
        text += f" [{_percent(reached.low)}, {_percent(reached.high)}]"
    elif len(found.seeds) == 1:
        text += "; one seed gives no interval"
    if reached.at_first:
        text += "; that is the first point, so that less may do"
    if reached.lost_at is not None:
        text += f"; not for good: below it again at {_percent(reached.lost_at)}"
    return text


def _place(found: CurveResult, share: float) -> str:
    at = found.step_at(share)
    if at is None:
        return f"{_percent(share)} of the data"
    step = number(round(at), digits=6)
    steps = f"{'0 to ' if found.from_zero else ''}{found.last_step:.0f}"
    return f"{_percent(share)} of the training, step {step} of {steps}"


def _percent(share: float) -> str:
    return f"{number(100 * share, digits=2)} %"


def table_rows(found: CurveResult) -> list[tuple[str, str, str]]:
    """Share, mean and interval of each point of the table.

    Args:
        found: the curve.

    Returns:
        The rows in words.
    """
    return [
        (_row_place(found, point), number(point.mean, digits=4), _interval(point))
        for point in found.table
    ]


def _row_place(found: CurveResult, point: BandPoint) -> str:
    step = found.step_at(point.share)
    return _percent(point.share) + (f", step {round(step)}" if step is not None else "")


def _interval(point: BandPoint) -> str:
    if point.low != point.low:
        return "-"
    low, high = numbers((point.low, point.high), digits=4)
    return f"[{low}, {high}]"


def curve_lines(found: CurveResult, *, width: int = 80) -> Iterator[str]:
    """The answer for a terminal.

    Args:
        found: the curve.
        width: in cells.

    Yields:
        The lines.
    """
    yield from wrap(curve_title(found), width, rest="  ")
    yield ""
    rows = [("share", found.metric, "95 % interval"), *table_rows(found)]
    first, second = (max(len(row[column]) for row in rows) for column in (0, 1))
    for place, mean, interval in rows:
        yield f"  {place:>{first}}  {mean:>{second}}  {interval}"
    yield ""
    yield from wrap(curve_sentence(found), width, rest="  ")
    for note in found.notes:
        yield from wrap(f"note: {one_line(note)}", width, rest="  ")


def curve_document(found: CurveResult) -> dict[str, Any]:
    """The curve as plain builtins, as ``--json`` prints them.

    Args:
        found: the curve.

    Returns:
        The document.
    """
    return {**asdict(found), "part": PART, "answer": curve_sentence(found)}
