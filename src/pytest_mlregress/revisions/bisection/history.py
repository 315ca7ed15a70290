"""The states of the code that can be trained between two commits, and what each of them holds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pytest_mlregress.revisions.bisection.commit_range import Commit, CommitRange

__all__ = ["History", "all_parents_history", "first_parent_history"]


@dataclass(frozen=True, slots=True)
class History:
    """States to train at, and the commits that each adds to the good end.

    Attributes:
        candidates: the commits that may have lost, each after those that it builds on.
        states: the names of the commits to train at, the good end first, the bad end last. Each
            one contains the good end, so that it differs from it by candidates alone.
        contains: for each state, the positions of the candidates that it holds.
        brought: for each candidate, the commits that came with it and are no candidates of their
            own: those of a merged branch.
    """

    candidates: tuple[Commit, ...]
    states: tuple[str, ...]
    contains: tuple[frozenset[int], ...]
    brought: tuple[tuple[Commit, ...], ...]

    @property
    def is_line(self) -> bool:
        """Whether each state adds one candidate to the state before it."""
        lengths = [len(contained) for contained in self.contains]
        return lengths == list(range(len(self.candidates) + 1))


def first_parent_history(between: CommitRange) -> History:
    """One line of states: the bad end, its first parent, the first parent of that, and so on.

    A merge is one candidate, with all that it brought. Where the good end itself came in by a
    merge, that merge is the first candidate.

    Args:
        between: the commits.

    Returns:
        The history.
    """
    known = {commit.name: commit for commit in between.commits}
    from_good = _descendants(between)
    chain = [between.bad]
    while (before := known.get(chain[-1].parents[0])) is not None and before.name in from_good:
        chain.append(before)
    chain.reverse()
    return History(
        candidates=tuple(chain),
        states=(between.good.name, *(commit.name for commit in chain)),
        contains=tuple(frozenset(range(length)) for length in range(len(chain) + 1)),
        brought=tuple(_brought_along(chain, between)),
    )


def all_parents_history(between: CommitRange) -> History:
    """Every commit is a candidate, and each that contains the good end is a state.

    A branch that forked off before the good end has no states of its own: its code lacks a part
    of the good end's, and a difference would not be its own.

    Args:
        between: the commits.

    Returns:
        The history.
    """
    from_good = _descendants(between)
    ancestors = _ancestors(between)
    positions = {commit.name: place for place, commit in enumerate(between.commits)}
    states = [commit.name for commit in between.commits if commit.name in from_good]
    return History(
        candidates=between.commits,
        states=(between.good.name, *states),
        contains=(
            frozenset(),
            *(frozenset(positions[name] for name in ancestors[state]) for state in states),
        ),
        brought=((),) * len(between.commits),
    )


def _descendants(between: CommitRange) -> frozenset[str]:
    """The commits of the range that have the good end among their ancestors."""
    found = {between.good.name}
    for commit in between.commits:
        if not found.isdisjoint(commit.parents):
            found.add(commit.name)
    return frozenset(found - {between.good.name})


def _ancestors(between: CommitRange) -> Mapping[str, frozenset[str]]:
    """For each commit of the range, itself and the commits of the range that it builds on."""
    found: dict[str, frozenset[str]] = {}
    for commit in between.commits:
        own = frozenset({commit.name})
        found[commit.name] = own.union(*(found.get(parent, ()) for parent in commit.parents))
    return found


def _brought_along(chain: list[Commit], between: CommitRange) -> Iterator[tuple[Commit, ...]]:
    """What each commit of a line adds besides itself."""
    ancestors = _ancestors(between)
    before: frozenset[str] = frozenset()
    for commit in chain:
        added = ancestors[commit.name] - before - {commit.name}
        yield tuple(other for other in between.commits if other.name in added)
        before = ancestors[commit.name]
