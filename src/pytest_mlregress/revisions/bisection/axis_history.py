"""The part of a history that moved one axis, with the other axes held where they were at an end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

from pytest_mlregress.revisions.bisection.axis_rules import AXES, Axis
from pytest_mlregress.revisions.bisection.composed_commit import CommitComposer
from pytest_mlregress.revisions.bisection.history import History
from pytest_mlregress.revisions.bisection.searched_history import SearchedHistory
from pytest_mlregress.revisions.bisection.tree_changes import TreeChanges

__all__ = ["axis_history"]


def axis_history(
    axis: Axis,
    held: str,
    whole: SearchedHistory,
    paths: frozenset[str],
    composer: CommitComposer,
    read_trees: Callable[[Sequence[str]], TreeChanges],
) -> SearchedHistory:
    """A history along one axis.

    Args:
        axis: the axis.
        held: the full name of the commit that all other axes are of.
        whole: the whole history.
        paths: the files of the axis.
        composer: builds the states.
        read_trees: compares commits with the first one.

    Returns:
        Its states are commits that no ref reaches; its candidates are commits of the user's that
        touched the axis.

    Raises:
        WorktreeError: git failed.
    """
    history = whole.history
    states = [composer.compose(_values(axis, state, held)) for state in history.states]
    trees = read_trees(states)
    if history.is_line:
        own = [trees.between(before, after) for before, after in pairwise(states)]
    else:
        own = [frozenset(one for one in each if one.path in paths) for each in whole.changes]
    kept = [place for place, touched in enumerate(own) if touched]
    positions = {place: index for index, place in enumerate(kept)}
    # On a line, the state after a commit that did not touch the axis is the one before it.
    needed = [0, *(place + 1 for place in kept)] if history.is_line else range(len(states))
    return SearchedHistory(
        history=History(
            candidates=tuple(history.candidates[place] for place in kept),
            states=tuple(states[place] for place in needed),
            contains=tuple(
                frozenset(positions[one] for one in history.contains[place] if one in positions)
                for place in needed
            ),
            brought=tuple(history.brought[place] for place in kept),
        ),
        trees=trees,
        changes=tuple(own[place] for place in kept),
        labels={
            commit: f"{axis} of {state[:7]}, the rest of {held[:7]}"
            for commit, state in zip(states, history.states, strict=True)
        },
    )


def _values(axis: Axis, state: str, held: str) -> dict[Axis, str]:
    """Each axis' commit."""
    values: dict[Axis, str] = dict.fromkeys(AXES, held)
    values[axis] = state
    return values
