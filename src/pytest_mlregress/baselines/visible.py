"""Text of files that others wrote, made safe to print.

A name or a message can hold what a terminal interprets instead of printing: escape sequences that
rename its window, write its clipboard or hide a line, and marks that reverse the reading order. All
text that leaves this package passes through here.
"""

import unicodedata
from typing import Final

__all__ = ["visible"]

_INVISIBLE: Final = ("Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp")
"""Unicode categories that a terminal interprets or drops instead of printing."""


def visible(text: str) -> str:
    """The text with control characters, bidirectional marks and lone surrogates as escapes.

    Args:
        text: any text.

    Returns:
        The text; line feeds stay, any other white space becomes a space.
    """
    if text.isascii() and text.replace("\n", "").isprintable():
        return text
    text = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return "".join(map(_printable, text))


def _printable(character: str) -> str:
    if character == "\n":
        return character
    if character.isspace():
        return " "
    if "\ufe00" <= character <= "\ufe0f":
        # A variation selector: it would change the width of the character before it.
        return ""
    if unicodedata.category(character) in _INVISIBLE:
        return character.encode("unicode_escape").decode("ascii")
    return character
