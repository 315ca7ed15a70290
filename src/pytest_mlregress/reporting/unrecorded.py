"""Tests without a baseline in the summary: beyond a few they share some lines and one command."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from pytest_mlregress.reporting.step_text import step_lines
from pytest_mlregress.reporting.text_layout import one_line, wrap
from pytest_mlregress.verdicts.record_all import record_all_command
from pytest_mlregress.verdicts.verdict import Colour, Verdict, VerdictKind

FOLD_UNRECORDED_ABOVE: Final = 5
"""Up to this many are listed one by one, each with its values and its command."""

_MOST_NAMED: Final = 3


def fold_unrecorded(
    verdicts: Sequence[Verdict], verbosity: int
) -> tuple[Sequence[Verdict], Sequence[Verdict]]:
    """Take out the tests whose missing baseline is a warning, where there are many.

    Args:
        verdicts: the verdicts.
        verbosity: pytest's; above 0 nothing is taken out.

    Returns:
        The others, and those that were taken out.
    """
    found = [verdict for verdict in verdicts if _is_unrecorded(verdict)]
    if verbosity > 0 or len(found) <= FOLD_UNRECORDED_ABOVE or record_all_command(found) is None:
        return verdicts, ()
    return [verdict for verdict in verdicts if not _is_unrecorded(verdict)], found


def _is_unrecorded(verdict: Verdict) -> bool:
    return (
        verdict.kind is VerdictKind.NO_BASELINE
        and verdict.colour is Colour.YELLOW
        and verdict.base is None
    )


def unrecorded_lines(verdicts: Sequence[Verdict], width: int) -> list[str]:
    """How many they are, and the first few of them by name.

    Args:
        verdicts: those that `fold_unrecorded` has taken out.
        width: cells of a line.

    Returns:
        The lines; none for no verdicts.
    """
    if not verdicts:
        return []
    named = ", ".join(one_line(verdict.test) for verdict in verdicts[:_MOST_NAMED])
    more = len(verdicts) - _MOST_NAMED
    text = f"{len(verdicts)} {VerdictKind.NO_BASELINE}: {named} and {more} more (-v lists each)"
    return wrap(text, width, rest="  ")


def record_lines(verdicts: Sequence[Verdict], width: int) -> list[str]:
    """The command that records them all.

    Args:
        verdicts: those that `fold_unrecorded` has taken out.
        width: cells of a line.

    Returns:
        The lines; none for no verdicts.
    """
    command = record_all_command(verdicts) if verdicts else None
    return step_lines(f"record them: {command}", width, "  ") if command is not None else []
