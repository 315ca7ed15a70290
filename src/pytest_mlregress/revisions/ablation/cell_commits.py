"""A commit for every combination of changes that is trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from pytest_mlregress.revisions.ablation.change import Change
from pytest_mlregress.revisions.ablation.change_spec import BASE_NAME
from pytest_mlregress.revisions.ablation.conflict_text import conflict_text
from pytest_mlregress.revisions.ablation.loose_commit import loose_commit, tree_of
from pytest_mlregress.revisions.ablation.merge import MergeConflict, merge_change
from pytest_mlregress.revisions.base_commit import ABBREVIATED
from pytest_mlregress.revisions.worktree_error import WorktreeError

__all__ = ["CellCommit", "build_cells", "cell_name"]


@dataclass(frozen=True, slots=True)
class CellCommit:
    """One combination of the changes.

    Attributes:
        changes: the names of the changes that are in it; none for the base.
        name: ``BASE``, ``A`` or ``A+B``, in the order of the command line.
        commit: the commit to check out; the base's own, or one that no ref reaches.
    """

    changes: frozenset[str]
    name: str
    commit: str


def cell_name(names: Sequence[str], members: frozenset[str]) -> str:
    """What a combination is called.

    Args:
        names: all changes, in order.
        members: those in the combination.

    Returns:
        ``BASE``, or the names joined by ``+``.
    """
    return "+".join(name for name in names if name in members) or BASE_NAME


def build_cells(
    top: Path,
    base: str,
    changes: Sequence[Change],
    wanted: Sequence[frozenset[str]],
    *,
    given: Mapping[frozenset[str], str],
) -> list[CellCommit]:
    """Apply the changes to the base, combination by combination.

    Args:
        top: the top of the checkout.
        base: the commit of the base.
        changes: the changes.
        wanted: the combinations, as names of changes.
        given: commits of combinations that the user merged, where git cannot.

    Returns:
        One commit per combination, in the order of ``wanted``.

    Raises:
        WorktreeError: two changes are in conflict, or one changes nothing; names them, the files
            and what can be done.
    """
    return _Builder(top, base, changes, given).build(wanted)


class _Conflicted(Exception):  # noqa: N818
    """Git cannot build a combination."""

    def __init__(self, members: frozenset[str], last: Change, conflict: MergeConflict) -> None:
        super().__init__()
        self.members = members
        self.last = last
        self.conflict = conflict


class _Builder:
    """Trees by the changes in them, each merged once."""

    def __init__(
        self,
        top: Path,
        base: str,
        changes: Sequence[Change],
        given: Mapping[frozenset[str], str],
    ) -> None:
        self._top = top
        self._base = base
        self._changes = {change.name: change for change in changes}
        self._given = given
        self._trees = {members: tree_of(top, commit) for members, commit in given.items()}
        self._trees[frozenset()] = tree_of(top, base)
        self._failed: dict[frozenset[str], _Conflicted] = {}

    def build(self, wanted: Sequence[frozenset[str]]) -> list[CellCommit]:
        self._check_small_combinations(wanted)
        return [
            CellCommit(members, cell_name(tuple(self._changes), members), self._commit(members))
            for members in wanted
        ]

    def _check_small_combinations(self, wanted: Sequence[frozenset[str]]) -> None:
        """First each change alone, then each two: a conflict names two changes, not a cell."""
        singles = [frozenset({name}) for name in self._changes]
        pairs = [frozenset(pair) for pair in combinations(self._changes, 2)]
        for members in singles:
            if self._tree_or_fail(members) == self._trees[frozenset()]:
                raise WorktreeError(
                    f"{next(iter(members))} is already in BASE ({self._base[:ABBREVIATED]}): "
                    "applied to BASE, it changes nothing; leave it out"
                )
        for members in pairs:
            if members in wanted:
                self._tree_or_fail(members)

    def _commit(self, members: frozenset[str]) -> str:
        if not members:
            return self._base
        if members in self._given:
            return self._given[members]
        tree = self._tree_or_fail(members)
        if len(members) == 1:
            (name,) = members
            end = self._changes[name].end
            if tree == tree_of(self._top, end):
                return end  # what starts at the base needs no merge
        # No names in its message: whatever the changes are called, it is the same commit.
        return loose_commit(self._top, tree, self._base, f"{BASE_NAME} with changes")

    def _tree_or_fail(self, members: frozenset[str]) -> str:
        try:
            return self._tree(members)
        except _Conflicted as found:
            names = tuple(self._changes)
            before = cell_name(names, found.members - {found.last.name})
            text = conflict_text(self._base, before, found.last, found.conflict)
            raise WorktreeError(text) from None

    def _tree(self, members: frozenset[str]) -> str:
        """The tree of a combination, by applying its last change to the rest.

        Where that is in conflict, in another order: a part of it may have been merged by the user.
        """
        if members in self._failed:
            raise self._failed[members]
        conflicts: list[_Conflicted] = []
        for name in [name for name in reversed(self._changes) if name in members]:
            if members in self._trees:
                break
            try:
                self._trees[members] = self._merged(members, self._changes[name])
            except _Conflicted as conflict:
                conflicts.append(conflict)
        if members not in self._trees:
            self._failed[members] = conflicts[0]
            raise conflicts[0]
        return self._trees[members]

    def _merged(self, members: frozenset[str], last: Change) -> str:
        merged = merge_change(self._top, self._tree(members - {last.name}), last)
        if isinstance(merged, MergeConflict):
            raise _Conflicted(members, last, merged)
        return merged
