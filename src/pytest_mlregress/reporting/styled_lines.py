"""Lines of a summary with their colours, as text for a terminal or a CI log."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from pytest_mlregress.reporting.step_text import ends_in_command, step_lines
from pytest_mlregress.reporting.text_layout import encodable, one_line, width_of, wrap
from pytest_mlregress.verdicts.verdict import Colour, Verdict

INDENT: Final = "  "

KINDS: Final = 14
"""Cells of the verdict before a test."""

STYLES: Final = {
    Colour.GREEN: "green",
    Colour.YELLOW: "bold yellow",
    Colour.RED: "bold red",
}


@dataclass(frozen=True, slots=True)
class StyledLine:
    """One line.

    Attributes:
        text: without ANSI codes.
        style: as rich names it; empty for none.
        styled: cells from the left that carry the style; None for all.
    """

    text: str
    style: str = ""
    styled: int | None = None


def name_with_tier(verdict: Verdict) -> str:
    """The node id of a test, and its tier unless that is the usual one.

    Args:
        verdict: the test.

    Returns:
        One line.
    """
    tier = f" ({verdict.tier})" if verdict.tier not in ("", "default") else ""
    return one_line(verdict.test + tier)


def lines_of_note(note: str, width: int) -> Iterator[StyledLine]:
    """A note on the run, whose command can be pasted.

    Args:
        note: the text.
        width: width in terminal cells.

    Yields:
        Its lines.
    """
    if ends_in_command(note):
        lines = step_lines(note, width, "note: ")
    else:
        lines = wrap(note, width, first="note: ", rest=INDENT)
    for line in lines:
        yield StyledLine(line, "yellow", len("note:") if line.startswith("note:") else 0)


def rendered(lines: Sequence[StyledLine], *, width: int, colour: bool, encoding: str) -> str:
    """The lines as text.

    Args:
        lines: the lines.
        width: width in terminal cells.
        colour: whether the text has ANSI codes.
        encoding: characters that it lacks are written as escapes.

    Returns:
        The text.
    """
    encoded = [piece for line in lines for piece in _encodable(line, encoding, width)]
    return _render(encoded, colour=colour)


def _encodable(line: StyledLine, encoding: str, width: int) -> list[StyledLine]:
    """The line with its escapes, which may need more lines than the characters they replace."""
    text = encodable(line.text, encoding)
    if width_of(text) <= width:
        return [replace(line, text=text)]
    return [replace(line, text=piece) for piece in wrap(text, width, rest=INDENT)]


def _render(lines: Sequence[StyledLine], *, colour: bool) -> str:
    if not colour:
        return "\n".join(line.text for line in lines)
    from rich.console import Console
    from rich.text import Text

    console = Console(
        file=io.StringIO(), force_terminal=True, color_system="standard", _environ={}, width=10**4
    )
    rendered = []
    for line in lines:
        text = Text(line.text)
        text.stylize(line.style, 0, line.styled)
        with console.capture() as capture:
            console.print(text, end="", soft_wrap=True)
        rendered.append(capture.get())
    return "\n".join(rendered)
