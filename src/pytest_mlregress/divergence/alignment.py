"""Pairs the events of two traces that stand for the same moment of the training."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from pytest_mlregress.divergence.events import Event

LOOK_AHEAD: Final = 600
"""How many events of either trace may be missing from the other in one place."""

Pair = tuple[Event | None, Event | None]


def aligned(base: Sequence[Event], candidate: Sequence[Event]) -> Iterator[Pair]:
    """Walk both traces, and pair what has the same kind, name and module.

    Where they part, the next two events in a row that match are looked for, with as few as possible
    left out on both sides together. Where there are none within `LOOK_AHEAD`, the rest is unpaired.

    Args:
        base: the events of one side.
        candidate: those of the other.

    Yields:
        Pairs in order, with None for what the other side does not have.
    """
    i = j = 0
    while i < len(base) and j < len(candidate):
        if base[i].key == candidate[j].key:
            yield base[i], candidate[j]
            i, j = i + 1, j + 1
            continue
        skip = _next_match(base, candidate, i, j)
        if skip is None:
            break
        yield from ((event, None) for event in base[i : i + skip[0]])
        yield from ((None, event) for event in candidate[j : j + skip[1]])
        i, j = i + skip[0], j + skip[1]
    yield from ((event, None) for event in base[i:])
    yield from ((None, event) for event in candidate[j:])


def _next_match(
    base: Sequence[Event], candidate: Sequence[Event], i: int, j: int
) -> tuple[int, int] | None:
    """How many events to leave out on each side until they agree again."""
    places: dict[tuple[object, object], int] = {}
    for ahead in range(min(LOOK_AHEAD, len(candidate) - j)):
        places.setdefault(_two(candidate, j + ahead), ahead)
    best: tuple[int, int] | None = None
    for ahead in range(min(LOOK_AHEAD, len(base) - i)):
        if best is not None and ahead >= sum(best):
            break
        other = places.get(_two(base, i + ahead))
        if other is not None and (best is None or ahead + other < sum(best)):
            best = ahead, other
    return best


def _two(events: Sequence[Event], index: int) -> tuple[object, object]:
    """An event and its successor, which together tell it from its like in another place."""
    after = events[index + 1].key if index + 1 < len(events) else None
    return events[index].key, after
