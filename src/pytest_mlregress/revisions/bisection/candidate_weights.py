"""How likely each commit is to have lost before anything is compared: by what it touched."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from pytest_mlregress.revisions.bisection.history import History
from pytest_mlregress.revisions.bisection.read_changes import changes_that_are_read
from pytest_mlregress.revisions.bisection.tree_changes import FileChange, TreeChanges
from pytest_mlregress.running.reads import Reads

__all__ = [
    "READ_WEIGHT",
    "UNREAD_WEIGHT",
    "CandidateWeight",
    "changes_by_candidate",
    "weigh_candidates",
]

READ_WEIGHT: Final = 1.0
"""The weight of a commit that touched what a seed of the test reads."""

UNREAD_WEIGHT: Final = 0.02
"""That of any other: what a seed reads between both ends, or unseen, is unknown."""


@dataclass(frozen=True, slots=True)
class CandidateWeight:
    """What a commit touched, as far as the test is concerned.

    Attributes:
        read_files: the files that it changed and a seed at either end reads.
        changed: the number of files that it changed.
        weight: its prior weight, relative to the others.
    """

    read_files: tuple[str, ...]
    changed: int
    weight: float


def weigh_candidates(
    changes: Sequence[frozenset[FileChange]], reads: Sequence[Reads]
) -> tuple[CandidateWeight, ...]:
    """Weigh candidates.

    Args:
        changes: what each candidate changed.
        reads: what seeds have read at the ends of the history; empty if nothing is known, and then
            every candidate has the full weight.

    Returns:
        One weight per candidate, in their order.
    """
    return tuple(_weight_of(own, reads) for own in changes)


def changes_by_candidate(history: History, trees: TreeChanges) -> tuple[frozenset[FileChange], ...]:
    """What each candidate adds: to the state before it where states are in line.

    Args:
        history: the history.
        trees: the files of its states, its candidates and their parents.

    Returns:
        The changes of each candidate, in their order.
    """
    if history.is_line:
        return tuple(trees.between(before, after) for before, after in pairwise(history.states))
    return tuple(trees.made_by(commit) for commit in history.candidates)


def _weight_of(changes: frozenset[FileChange], reads: Sequence[Reads]) -> CandidateWeight:
    read = {path for own in reads for path in changes_that_are_read(own, changes)}
    counts = read or not reads
    return CandidateWeight(
        read_files=tuple(sorted(read)),
        changed=len(changes),
        weight=READ_WEIGHT if counts else UNREAD_WEIGHT,
    )
