"""States of the code that give bit-identical results, since what the seeds read is the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pytest_mlregress.revisions.bisection.read_changes import changes_that_are_read
from pytest_mlregress.revisions.bisection.tree_changes import TreeChanges
from pytest_mlregress.running.reads import Reads

__all__ = ["StateComparison", "excluded_candidates"]


class StateComparison:
    """Compares the states of a history, again after each training.

    Args:
        states: the names of the states.
        trees: their files.
    """

    def __init__(self, states: Sequence[str], trees: TreeChanges) -> None:
        self._states = states
        self._trees = trees
        # The ends come first: they are trained in any case, and stand for states that equal them.
        self._order = tuple(dict.fromkeys((0, len(states) - 1, *range(len(states)))))
        self._same_files = self._first_with_same_files()
        self._proofs: dict[tuple[int, int, tuple[int, ...]], bool] = {}

    def equal(self, reads: Mapping[str, Reads]) -> tuple[int, ...]:
        """For each state, the one whose results it would repeat bit for bit.

        Args:
            reads: what seeds have read, by the name of the state that they were trained at. Reads
                that are not all recorded (``Reads.unseen``) prove nothing; the same files do.

        Returns:
            One position per state; a state's own where nothing is known to equal it.
        """
        found = list(self._same_files)
        for place in self._order:
            own = reads.get(self._states[place])
            if own is None or own.unseen or found[place] != place:
                continue
            for other, same in enumerate(found):
                if same == other != place and self._repeats(place, other, own):
                    found[other] = place
        return tuple(_resolved(found, place) for place in range(len(found)))

    def _first_with_same_files(self) -> list[int]:
        firsts: dict[frozenset[tuple[str, str | None]], int] = {}
        for place in self._order:
            firsts.setdefault(self._trees.content(self._states[place]), place)
        return [firsts[self._trees.content(state)] for state in self._states]

    def _repeats(self, place: int, other: int, reads: Reads) -> bool:
        """Whether a seed that read this in one state does the same in the other."""
        # Reads of further seeds at a state are added to those before, so that sizes tell them.
        size = (len(reads.files), len(reads.listings), len(reads.absent))
        key = (place, other, size)
        if key not in self._proofs:
            changes = self._trees.between(self._states[place], self._states[other])
            self._proofs[key] = not changes_that_are_read(reads, changes)
        return self._proofs[key]


def excluded_candidates(contains: Sequence[frozenset[int]], equal: Sequence[int]) -> frozenset[int]:
    """The candidates that cannot be the only cause of a loss.

    A commit that is in one state and not in another one with the same results has changed
    nothing that lasts.

    Args:
        contains: for each state, its candidates.
        equal: what `StateComparison.equal` returned.

    Returns:
        The positions of the candidates.
    """
    found: set[int] = set()
    for place, same in enumerate(equal):
        found |= contains[place] ^ contains[same]
    return frozenset(found)


def _resolved(found: Sequence[int], place: int) -> int:
    """The last of a chain: a state may have the files of one that repeats a third."""
    while found[place] != place:
        place = found[place]
    return place
