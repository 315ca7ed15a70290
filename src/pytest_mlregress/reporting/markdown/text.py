"""Text of users inside Markdown: printed as it is, and never read as a construct of its own.

GitHub and GitLab read more than Markdown: mentions, references to issues, mathematics, and, where a
file is printed into the log of a job, workflow commands. A zero-width space after a sign takes its
meaning, as Dependabot and Renovate do it.
"""

from __future__ import annotations

import re
from typing import Final

from pytest_mlregress.baselines.visible import visible
from pytest_mlregress.reporting.text_layout import one_line, shorten

LONGEST_NAME: Final = 240
"""Characters of a name in a report: pytest makes ids of whole strings."""

_NO_WIDTH: Final = "&#8203;"
_SPECIAL: Final = {
    **{character: f"\\{character}" for character in r"\`*_[|~"},
    "&": "&amp;",
    "<": "&lt;",
    "#": f"\\#{_NO_WIDTH}",
    "@": f"@{_NO_WIDTH}",
    "$": "<span>$</span>",
}
_AT_START: Final = re.compile(r"[-+=:/!>]|\d+(?=[.)](?: |$))")
"""What would begin a list, a heading or a command at the start of a line."""

_INSIDE_A_WORD: Final = re.compile(r"(?<=[A-Za-z0-9])_(?=[A-Za-z0-9])")
_COLON_BEFORE_ANOTHER: Final = re.compile(":(?=:)")
_PLAIN_CODE: Final = re.compile(r"[A-Za-z0-9_./:=,+ \[\]-]*[A-Za-z0-9_./:=,+\[\]-]")
_ENTITIES: Final = {character: f"&#{ord(character)};" for character in "&<>\"'*_`[]\\|#@$~!{}"}


def escaped_text(text: str) -> str:
    """Any text on one line, so that Markdown prints it as it is.

    Args:
        text: the text.

    Returns:
        The Markdown.
    """
    text = one_line(text)
    start = _AT_START.match(text)
    if start is None:
        return _escaped(text)
    head, rest = start.group(), text[start.end() :]
    if head.isdigit():
        return f"{head}\\{rest[0]}{_escaped(rest[1:])}"
    return f"&#{ord(head)};{_escaped(rest)}"


def _escaped(text: str) -> str:
    """Without the underscores inside of words, which are none of emphasis."""
    parts = _INSIDE_A_WORD.split(text)
    return "_".join("".join(_SPECIAL.get(c, c) for c in part) for part in parts)


def code_text(text: str, *, longest: int = LONGEST_NAME) -> str:
    """Inline code, also in a table, where a pipe would end even a code span.

    Args:
        text: any text.
        longest: of a longer one both ends are shown.

    Returns:
        The Markdown.
    """
    text = shorten(one_line(text), longest, ellipsis="…")
    plain = _PLAIN_CODE.fullmatch(text) is not None and not text.startswith(" ")
    return f"`{text}`" if plain else f"<code>{html_text(text)}</code>"


def html_text(text: str) -> str:
    """Text on one line inside an HTML element, in which Markdown is still read.

    Args:
        text: any text.

    Returns:
        The HTML.
    """
    parts = _INSIDE_A_WORD.split(one_line(text))
    return "_".join("".join(_ENTITIES.get(c, c) for c in part) for part in parts)


def preformatted(text: str) -> str:
    """A text of several lines, with its layout; a fence would print workflow commands as they are.

    Args:
        text: any text.

    Returns:
        The HTML.
    """
    written = "".join(_ENTITIES.get(character, character) for character in visible(text))
    return f"<pre>{_COLON_BEFORE_ANOTHER.sub('&#58;', written)}</pre>"
