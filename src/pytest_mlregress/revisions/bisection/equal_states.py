"""States of the code that give bit-identical results, since what the seeds read is the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pytest_mlregress.revisions.bisection.read_changes import changes_that_are_read
from pytest_mlregress.revisions.bisection.tree_changes import FileChange, TreeChanges
from pytest_mlregress.running.reads import Reads

__all__ = ["equal_states", "excluded_candidates"]


def equal_states(
    states: Sequence[str], trees: TreeChanges, reads: Mapping[str, Reads]
) -> tuple[int, ...]:
    """For each state, the one whose results it would repeat bit for bit.

    Args:
        states: the names of the states.
        trees: their files.
        reads: what seeds have read, by the name of the state that they were trained at. Reads that
            are not all recorded (``Reads.unseen``) prove nothing; the same files do.

    Returns:
        One position per state; a state's own where nothing is known to equal it.
    """
    found = list(range(len(states)))
    # The ends first: they are trained in any case, and stand for the states that equal them.
    for place in dict.fromkeys((0, len(states) - 1, *found)):
        if found[place] != place:
            continue
        own = reads.get(states[place])
        for other, name in enumerate(states):
            if found[other] == other != place:
                changes = trees.between(states[place], name)
                if not changes or _proves(own, changes):
                    found[other] = place
    return tuple(found)


def _proves(reads: Reads | None, changes: frozenset[FileChange]) -> bool:
    """Whether a seed that read this would do the same after these changes."""
    return reads is not None and not reads.unseen and not changes_that_are_read(reads, changes)


def excluded_candidates(contains: Sequence[frozenset[int]], equal: Sequence[int]) -> frozenset[int]:
    """The candidates that cannot be the only cause of a loss.

    A commit that is in one state and not in another one with the same results has changed
    nothing that lasts.

    Args:
        contains: for each state, its candidates.
        equal: what `equal_states` returned.

    Returns:
        The positions of the candidates.
    """
    found: set[int] = set()
    for place, same in enumerate(equal):
        found |= contains[place] ^ contains[same]
    return frozenset(found)
