"""A README as headings, commands and links with their lines, in Markdown or reStructuredText."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

__all__ = ["README_NAMES", "Line", "ReadmeText", "read_readme"]

README_NAMES: Final = tuple(
    f"{name}{suffix}"
    for name in ("README", "Readme", "readme")
    for suffix in (".md", ".rst", ".txt", "", ".markdown")
)

_FENCE: Final = re.compile(r"^\s*(```|~~~)")
_ATX: Final = re.compile(r"^\s{0,3}(#{1,6})\s+(.*?)\s*#*\s*$")
_HTML_HEADING: Final = re.compile(r"<h([1-6])[^>]*>(.*?)</h[1-6]>", re.IGNORECASE)
_LEVELS: Final = {"=": 1, "-": 2}
"""Of underlined headings; those of reStructuredText are at a project's choice."""
_UNDERLINE: Final = re.compile(r"^\s{0,3}([=\-~^\"'#*+])\1{2,}\s*$")
_RULE: Final = re.compile(r"^[-+|:=\s]*[-=][-+|:=\s]*$")
"""Between the rows of a table."""
_PROMPT: Final = re.compile(r"^\s*[$>%]\s+")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a README.

    Attributes:
        number: its number, from 1.
        text: the heading without its marks, the command without its prompt, or the prose.
        level: of a heading, 1 for the highest.
    """

    number: int
    text: str
    level: int = 0


@dataclass(frozen=True, slots=True)
class ReadmeText:
    """The parts of a README that the checklist looks at.

    Attributes:
        headings: its headings.
        code: the lines of its code blocks, and code within prose.
        prose: all other lines.
    """

    headings: tuple[Line, ...]
    code: tuple[Line, ...]
    prose: tuple[Line, ...]

    def section(self, heading: Line) -> list[Line]:
        """The prose below a heading, its subsections included."""
        after = [
            each.number
            for each in self.headings
            if each.number > heading.number and each.level <= heading.level
        ]
        end = min(after, default=10**9)
        return [line for line in self.prose if heading.number < line.number < end]

    def tables(self) -> Iterator[list[Line]]:
        """The tables: at least two rows of cells between bars, without the rules between them."""
        rows: list[Line] = []
        for line in (*self.prose, Line(10**9, "")):
            if "|" not in line.text and not _RULE.match(line.text):
                if len(rows) > 1:
                    yield rows
                rows = []
            elif not _RULE.match(line.text):
                rows.append(line)


def read_readme(text: str) -> ReadmeText:
    """Split a README into its parts.

    Args:
        text: its text.

    Returns:
        The parts; what is in a code block is no heading.
    """
    headings: list[Line] = []
    code: list[Line] = []
    prose: list[Line] = []
    fenced = False
    lines = text.splitlines()
    for number, line in enumerate(lines, start=1):
        if _FENCE.match(line):
            fenced = not fenced
        elif fenced:
            code.append(Line(number, _PROMPT.sub("", line).strip()))
        elif heading := _heading(line, lines[number] if number < len(lines) else ""):
            level, title = heading
            headings.append(Line(number, title, level))
        elif line.startswith(("    ", "\t")) and line.strip():
            code.append(Line(number, _PROMPT.sub("", line).strip()))
        elif not _UNDERLINE.match(line):
            prose.append(Line(number, line.strip()))
            code += [Line(number, word) for word in re.findall(r"`([^`]+)`", line)]
    return ReadmeText(tuple(headings), tuple(code), tuple(prose))


def _heading(line: str, following: str) -> tuple[int, str] | None:
    """The level and title of a heading in any of the notations; None for another line."""
    if found := _ATX.match(line):
        return len(found[1]), found[2]
    if found := _HTML_HEADING.search(line):
        return int(found[1]), re.sub(r"<[^>]+>", "", found[2]).strip()
    underline = _UNDERLINE.match(following)
    if underline and line.strip() and not line.startswith((" ", "\t", "|", "-", "*")):
        return _LEVELS.get(underline[1], 3), line.strip()
    return None
