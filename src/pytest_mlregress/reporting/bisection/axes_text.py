"""The axes of a search as a terminal shows them."""

from __future__ import annotations

from collections.abc import Iterator

from pytest_mlregress.plurals import count_of
from pytest_mlregress.reporting.number_format import number, numbers
from pytest_mlregress.reporting.text_layout import clip, pad, wrap
from pytest_mlregress.revisions.bisection.axes_report import AxesReport
from pytest_mlregress.revisions.bisection.moved_axes import MovedAxis

__all__ = ["axes_lines", "axes_sentence"]

_SHOWN = 3


def axes_lines(axes: AxesReport, width: int) -> list[str]:
    """What moved, what the combinations gave, and what was searched.

    Args:
        axes: the axes.
        width: of the terminal, in cells.

    Returns:
        The lines, with an empty one at the end.
    """
    lines = [line for own in axes.moved for line in wrap(_moved(own), width, rest="    ")]
    lines += list(_combinations(axes, width))
    lines += list(_effects(axes, width))
    return [*lines, *wrap(axes_sentence(axes), width, rest="  "), ""]


def axes_sentence(axes: AxesReport) -> str:
    """What the axes mean for the search, in one sentence.

    Args:
        axes: the axes.

    Returns:
        The sentence.
    """
    if not axes.combinations:
        names = ", ".join(own.axis for own in axes.moved) or "nothing"
        return f"there are no two axes to tell apart (moved: {names}); all changes are searched"
    if axes.searched is None:
        return "no axis is seen to lose; all changes are searched together"
    if axes.held == "bad" and len(axes.losing) > 1:
        lost = f"{' and '.join(axes.losing)} lose together only"
    else:
        lost = f"{' and '.join(axes.losing)} lost"
    if axes.searched == "env":
        return f"{lost}; environments between both ends are not built, so that the search ends here"
    return (
        f"{lost}; the search is among the commits that touched {axes.searched}, with the rest as "
        f"at the {axes.held} end"
    )


def _moved(own: MovedAxis) -> str:
    more = f" and {len(own.paths) - _SHOWN} more" if len(own.paths) > _SHOWN else ""
    what = ", ".join(own.paths[:_SHOWN]) + more or "another interpreter"
    if own.versions is not None:
        what = f"version {own.versions[0]} to {own.versions[1]} in {what}"
    return f"moved: {own.axis} ({what})"


def _combinations(axes: AxesReport, width: int) -> Iterator[str]:
    if not axes.combinations:
        return
    room = max(len(row.label) for row in axes.combinations)
    means = numbers([row.mean for row in axes.combinations], digits=4)
    for row, mean in zip(axes.combinations, means, strict=True):
        failed = f", {row.failed} failed" if row.failed else ""
        yield clip(
            f"  {pad(row.label, room)}  {mean}  ({count_of(row.seeds, 'seed')}{failed})", width
        )


def _effects(axes: AxesReport, width: int) -> Iterator[str]:
    for own in axes.effects:
        low, high = (number(end, signed=True) for end in own.interval)
        loses = ": a loss" if own.loses else ""
        text = (
            f"{own.axis} alone, the rest as at the {own.held} end: "
            f"{number(own.change, signed=True)} [{low}, {high}]{loses}"
        )
        yield from wrap(text, width, first="  ", rest="    ")
