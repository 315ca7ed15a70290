"""The summary with ``-q``: a line for each verdict that is not green, and the totals."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from pytest_mlregress.reporting.headline import headline
from pytest_mlregress.reporting.metric_text import difference_with_interval
from pytest_mlregress.reporting.report import RunReport, most_severe_metrics_first
from pytest_mlregress.reporting.styled_lines import (
    INDENT,
    KINDS,
    STYLES,
    StyledLine,
    lines_of_note,
    name_with_tier,
)
from pytest_mlregress.reporting.text_layout import one_line, pad, width_of, wrap
from pytest_mlregress.reporting.totals import totals_line
from pytest_mlregress.reporting.unrecorded import fold_unrecorded, record_lines, unrecorded_lines
from pytest_mlregress.verdicts.verdict import Colour, Verdict, VerdictKind

_NO_BASELINE: Final = "no baseline is recorded"
_LEAST_SAID: Final = 24
"""Fewer cells hold nothing of a headline that helps."""


def totals_alone(report: RunReport, width: int) -> list[StyledLine]:
    """The totals, for ``-qq``.

    Args:
        report: the report.
        width: width in terminal cells.

    Returns:
        One line, as far as there is room.
    """
    return _bold(f"mlregress: {totals_line(report)}", width)


def quiet_lines(report: RunReport, width: int) -> list[StyledLine]:
    """What ``-q`` leaves of the summary.

    Args:
        report: the report.
        width: width in terminal cells.

    Returns:
        The lines.
    """
    listed, unrecorded = fold_unrecorded(report.most_severe_first, verbosity=-1)
    lines = [_quiet_line(verdict, width) for verdict in listed if not _is_quiet(verdict)]
    lines += lines_of_unrecorded(unrecorded, width)
    suite = report.sides.suite if report.sides is not None else None
    lines += [StyledLine(line) for line in wrap(suite, width, rest=INDENT)] if suite else []
    lines += _bold(totals_line(report), width)
    for note in report.notes:
        lines += lines_of_note(note, width)
    return lines


def _is_quiet(verdict: Verdict) -> bool:
    """Whether ``-q`` only counts it; a loss that passes is said."""
    return verdict.colour is Colour.GREEN and verdict.kind is not VerdictKind.MINOR


def _quiet_line(verdict: Verdict, width: int) -> StyledLine:
    """The kind, the test, and its numbers as far as there is room."""
    start = pad(verdict.kind, KINDS) + name_with_tier(verdict)
    room = width - width_of(start) - len(INDENT)
    metrics = most_severe_metrics_first(verdict)
    metric = next((m for m in metrics if m.comparison and m.kind is verdict.kind), None)
    if metric is None or verdict.kind is VerdictKind.DIVERGED:
        said = _headline_after_kind(verdict, room) if room >= _LEAST_SAID else ""
    else:
        difference = f"{one_line(metric.name)} {difference_with_interval(metric)}"
        said = difference if width_of(difference) <= room else difference.partition(" [")[0]
    text = f"{start}{INDENT}{said}" if said and width_of(said) <= room else start
    return StyledLine(text, STYLES[verdict.colour], KINDS)


def _headline_after_kind(verdict: Verdict, room: int) -> str:
    said = f"{verdict.kind}: "
    whole = headline(verdict, after_kind=True)
    if whole.startswith(_NO_BASELINE):
        return ""
    more = len(said) if whole.startswith(said) else 0
    return headline(verdict, width=room + more, after_kind=True)[more:]


def _bold(text: str, width: int) -> list[StyledLine]:
    return [StyledLine(line, "bold") for line in wrap(text, width, rest=INDENT)]


def lines_of_unrecorded(verdicts: Sequence[Verdict], width: int) -> Iterator[StyledLine]:
    """The tests that `fold_unrecorded` has taken out, with the command that records them.

    Args:
        verdicts: the tests.
        width: width in terminal cells.

    Yields:
        The lines.
    """
    yield from (
        StyledLine(line, STYLES[Colour.YELLOW]) for line in unrecorded_lines(verdicts, width)
    )
    yield from (StyledLine(line, "dim") for line in record_lines(verdicts, width))
