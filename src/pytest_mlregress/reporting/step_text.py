"""What to do next, so that a command can be pasted into a shell as it is printed."""

from __future__ import annotations

import re
from typing import Final

from pytest_mlregress.reporting.text_layout import one_line, width_of, wrap, wrap_command

_COMMAND: Final = re.compile(r"(?:^|(?<=: ))(?:pytest|mlregress|git|python|pip) .*")
"""A shell command at the end of a step."""

_INLINE: Final = 0.35
"""A command that is continued begins on the line of its words if they take no more of a line."""


def ends_in_command(step: str) -> bool:
    """Whether a text ends in a shell command.

    Args:
        step: the text.

    Returns:
        True where it does.
    """
    return _COMMAND.search(one_line(step)) is not None


def step_lines(step: str, width: int, label: str) -> list[str]:
    """One step: on one line where it fits; a longer command is continued by backslashes.

    Args:
        step: words, with a command at their end or without one.
        width: cells of a line.
        label: prefix of the first line; the others are indented as far.

    Returns:
        The lines.
    """
    whole = wrap(step, width, first=label)
    command = _COMMAND.search(one_line(step))
    if command is None or (len(whole) == 1 and width_of(whole[0]) <= width):
        return whole
    indent = " " * width_of(label)
    words = one_line(step)[: command.start()]
    if width_of(words) > width * _INLINE:
        return [
            *wrap(words, width, first=label),
            *wrap_command(command.group(), width, first=indent, rest=indent + "  "),
        ]
    return wrap_command(command.group(), width, first=label + words, rest=indent + "  ")
