"""Fitting text into columns. Widths are in terminal cells: a CJK character takes two."""

from __future__ import annotations

import re
from typing import Final

from pytest_mlregress.baselines.visible import visible

_SHELL_WORD: Final = re.compile(r"""(?:'[^']*'|"[^"]*"|[^\s'"]|['"])+""")


def one_line(text: str) -> str:
    """The text on one line, with control characters and lone surrogates made visible.

    Args:
        text: any text.

    Returns:
        The line.
    """
    return " ".join(visible(text).split())


def encodable(text: str, encoding: str) -> str:
    """The text with everything that the encoding lacks written as an escape.

    Args:
        text: any text.
        encoding: the name of the encoding.

    Returns:
        The text.
    """
    try:
        return text.encode(encoding, "backslashreplace").decode(encoding)
    except LookupError:
        return text.encode("ascii", "backslashreplace").decode("ascii")


def width_of(text: str) -> int:
    """The number of terminal cells that the text takes.

    Args:
        text: any text.

    Returns:
        The number of cells.
    """
    if text.isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def wrap(text: str, width: int, *, first: str = "", rest: str | None = None) -> list[str]:
    """The text in lines of at most ``width`` cells, broken at spaces only.

    A word that is wider, as the path of a file may be, has a line of its own, so that it can be
    copied. An indent that would leave less than half of the width is dropped.

    Args:
        text: the text.
        width: width in terminal cells, prefixes included.
        first: prefix of the first line.
        rest: prefix of the others; by default as many spaces.

    Returns:
        The lines.
    """
    rest = " " * width_of(first) if rest is None else rest
    if width_of(rest) > width // 2:
        rest = " " * min(2, width // 2)
    lines, line, empty = [], first, True
    for word in one_line(text).split(" "):
        gap = "" if empty else " "
        if width_of(line + gap + word) <= width:
            line, empty = line + gap + word, False
            continue
        if not empty or line.strip():
            lines.append(line.rstrip())
        line, empty = (rest if width_of(rest + word) <= width else "") + word, False
    return [*lines, line.rstrip()]


def wrap_within(text: str, width: int, *, most: int, first: str = "") -> list[str]:
    """The text in lines as `wrap` makes them, cut at a word after ``most`` of them.

    Args:
        text: the text.
        width: width in terminal cells, prefixes included.
        most: the largest number of lines, at least 1.
        first: prefix of the first line; the others are indented as far.

    Returns:
        The lines.
    """
    lines = wrap(text, width, first=first)
    if len(lines) <= most:
        return lines
    return [*lines[: most - 1], clip_words(f"{lines[most - 1]} {lines[most].strip()}", width)]


def wrap_command(command: str, width: int, *, first: str, rest: str) -> list[str]:
    """A shell command in lines of at most ``width`` cells, continued by backslashes.

    It is broken between shell words only, since a shell would not join the parts of a node id; one
    that is wider than a line has a line of its own.

    Args:
        command: the command.
        width: width in terminal cells, prefixes included.
        first: prefix of the first line.
        rest: prefix of the others.

    Returns:
        The lines.
    """
    lines, line, empty = [], first, True
    for word in _SHELL_WORD.findall(one_line(command)):
        if not empty and width_of(f"{line} {word} \\") > width:
            lines.append(line + " \\")
            line, empty = rest if width_of(f"{rest}{word} \\") <= width else "", True
        line, empty = line + ("" if empty else " ") + word, False
    return [*lines, line]


def clip(text: str, width: int, *, ellipsis: str = "...") -> str:
    """The beginning of the text, in at most ``width`` cells.

    Args:
        text: the text.
        width: width in terminal cells.
        ellipsis: what replaces the end.

    Returns:
        The text, shortened only if it does not fit.
    """
    if width_of(text) <= width:
        return text
    room = width - width_of(ellipsis)
    return _head(text, room).rstrip() + ellipsis if room > 0 else _head(text, width)


def clip_words(text: str, width: int, *, ellipsis: str = " ...") -> str:
    """The first words of the text, in at most ``width`` cells; at least one, however wide.

    Args:
        text: the text.
        width: width in terminal cells.
        ellipsis: what replaces the end.

    Returns:
        The text, shortened only if it does not fit.
    """
    if width_of(text) <= width:
        return text
    kept, *words = text.split(" ")
    for word in words:
        if width_of(f"{kept} {word}{ellipsis}") > width:
            break
        kept = f"{kept} {word}"
    return kept + ellipsis if width_of(kept + ellipsis) <= width else kept


def shorten(text: str, width: int, *, ellipsis: str = "...") -> str:
    """Both ends of the text, in at most ``width`` cells: the middle of a node id matters least.

    The end gets the larger share, since it holds the test's name and parameters.

    Args:
        text: the text.
        width: width in terminal cells.
        ellipsis: what replaces the middle.

    Returns:
        The shortened text.
    """
    if width_of(text) <= width:
        return text
    room = width - width_of(ellipsis)
    if room < 2:
        return _head(text, width)
    head = _head(text, room * 2 // 5)
    tail = _head(text[::-1], room - width_of(head))[::-1]
    return head + ellipsis + tail


def pad(text: str, width: int, *, right: bool = False) -> str:
    """The text padded with spaces.

    Args:
        text: the text.
        width: width in terminal cells.
        right: align the text to the right.

    Returns:
        The padded text.
    """
    blanks = " " * max(0, width - width_of(text))
    return blanks + text if right else text + blanks


def _head(text: str, width: int) -> str:
    """The longest beginning that fits, found from its end: widths need not add up."""
    head = text[: 2 * max(0, width)]
    while width_of(head) > width:
        head = head[:-1]
    return head
