"""The cards of an HTML report: as they are while there is room, the others compressed.

A page of 500 tests with all figures has some 20 MB of SVG. What exceeds `INLINE` is packed, a few
cards to a part, and unpacked by the page's script when a card is opened; its figures are in the
table of the page in any case. The packed text is base 85 with a comma in place of ``<``, so
it can end no element.

A part holds the sections of its cards section by section, not card by card: deflate looks back 32
kB, less than one card, so only then does it see how much alike the plots of two cards are. That
halves the parts.
"""

from __future__ import annotations

import base64
import json
import re
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

__all__ = ["INLINE", "PackedCards", "pack"]

INLINE: Final = 500_000
"""Characters of cards that a page holds as they are."""

_PART: Final = 1_000_000
"""Characters of a part before it is compressed: opening a card unpacks one part."""

_LEVEL: Final = 8
"""Of zlib: 7 is three times as fast and makes parts 4 % larger, 9 gains 1 %."""

_WITHOUT_TAGS: Final = str.maketrans("<", ",")
"""Base 85 has every printable character but quotes, brackets, slashes, colons, dots and commas."""

_SECTION: Final = re.compile(r"<!--(\w+)-->")
"""How the template names the section that begins here; no text of a user can say so."""


@dataclass(frozen=True, slots=True)
class PackedCards:
    """The cards of a page.

    Attributes:
        inline: the HTML of the cards that are in the page, by position.
        places: part and position in it of each of the others, by position.
        parts: the compressed parts, base 85.
    """

    inline: dict[int, str]
    places: dict[int, tuple[int, int]]
    parts: tuple[str, ...]


def pack(cards: Iterable[str], *, inline: int = INLINE) -> PackedCards:
    """Keep the first cards as they are and compress the others.

    Args:
        cards: the HTML of each, the most important first; the first is never compressed. Each
            begins with the name of a section.
        inline: characters that are kept as they are.

    Returns:
        The cards.
    """
    kept: dict[int, str] = {}
    places: dict[int, tuple[int, int]] = {}
    parts: list[list[str]] = []
    used = size = 0
    for position, card in enumerate(cards):
        if not places and (not kept or used + len(card) <= inline):
            kept[position] = _SECTION.sub("", card)
            used += len(card)
            continue
        if not parts or size + len(card) > _PART:
            parts.append([])
            size = 0
        places[position] = len(parts) - 1, len(parts[-1])
        parts[-1].append(card)
        size += len(card)
    return PackedCards(kept, places, tuple(map(_packed, parts)))


def _packed(cards: list[str]) -> str:
    """JSON, deflated, which a browser's `DecompressionStream` reads, in base 85: 6 % below base 64.

    The document has the ``order`` of the sections of each card, and the ``sections``, each a list
    of one text per card.
    """
    split = [_SECTION.split(card)[1:] for card in cards]
    names = sorted({name for pieces in split for name in pieces[::2]})
    texts = [dict(zip(pieces[::2], pieces[1::2], strict=True)) for pieces in split]
    document = {
        "order": [pieces[::2] for pieces in split],
        "sections": {name: [text.get(name, "") for text in texts] for name in names},
    }
    packed = zlib.compress(json.dumps(document).encode("ascii"), _LEVEL)
    return base64.b85encode(packed).decode("ascii").translate(_WITHOUT_TAGS)
