"""Text of files that someone else wrote, made safe to print.

A name or a message can hold what a terminal obeys instead of printing: escape sequences that
rename its window, write its clipboard or hide a line, and marks that reverse the order of what is
read.  Whatever leads a text out of this package sends it through here.
"""

import unicodedata
from typing import Final

__all__ = ["visible"]

_INVISIBLE: Final = ("Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp")
"""Unicode categories that a terminal obeys or drops instead of printing."""


def visible(text: str) -> str:
    """The text with control characters, bidirectional marks and lone surrogates as escapes.

    Line feeds stay; any other white space is a blank.
    """
    if text.isascii() and text.isprintable():
        return text
    text = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return "".join(map(_printable, text))


def _printable(character: str) -> str:
    if character == "\n":
        return character
    if character.isspace():
        return " "
    if "\ufe00" <= character <= "\ufe0f":
        # A variation selector: it would change the width of what stands before it.
        return ""
    if unicodedata.category(character) in _INVISIBLE:
        return character.encode("unicode_escape").decode("ascii")
    return character
