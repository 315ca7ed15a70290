"""Makes two traces comparable of which one began before a library of generators was imported."""

from __future__ import annotations

from itertools import takewhile

from pytest_mlregress.divergence.events import Event


def with_like_generators(
    base: list[Event], candidate: list[Event]
) -> tuple[list[Event], list[Event]]:
    """Leave out the first states of generators that only one side had from its start.

    A first training of a process imports numpy.random while it trains; a later one finds it there.

    Args:
        base: the events of one side that count.
        candidate: those of the other.

    Returns:
        Both, without states that only say when a library was imported.
    """
    first, second = _leading(base), _leading(candidate)
    for name in first.keys() ^ second.keys():
        if name in first:
            candidate, base = _without_late_import(candidate, base, first[name])
        else:
            base, candidate = _without_late_import(base, candidate, second[name])
    return base, candidate


def _leading(events: list[Event]) -> dict[str, Event]:
    """The states that were recorded before anything else, by generator."""
    numbered = takewhile(lambda e: e[1].kind == "rng" and e[1].order == e[0], enumerate(events))
    return {event.name: event for _, event in numbered}


def _without_late_import(
    late: list[Event], early: list[Event], state: Event
) -> tuple[list[Event], list[Event]]:
    """Both sides without a state that only `early` had at its start.

    The late side's first state is left out, too, where it is still that one.
    """
    imported = next((e for e in late if e.key == state.key), None)
    unmoved = imported is not None and imported.digest.bits == state.digest.bits
    return (
        [e for e in late if not (unmoved and e is imported)],
        [e for e in early if e is not state],
    )
