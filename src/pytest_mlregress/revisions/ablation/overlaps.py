"""Changes that cannot be told apart: empty ones, those of the base, those within another one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from pathlib import Path

from pytest_mlregress.plurals import count_of
from pytest_mlregress.revisions.ablation.change import Change, ChangeKind
from pytest_mlregress.revisions.ablation.loose_commit import tree_of
from pytest_mlregress.revisions.base_commit import ABBREVIATED
from pytest_mlregress.revisions.repository import run_git
from pytest_mlregress.revisions.worktree_error import WorktreeError

__all__ = ["refuse_indistinct", "shared_commits"]


def refuse_indistinct(top: Path, base: str, changes: Sequence[Change]) -> None:
    """Refuse changes whose effects no training can tell.

    Args:
        top: the top of the checkout.
        base: the commit of the base.
        changes: the changes.

    Raises:
        WorktreeError: a change is empty or is in the base, or contains another one.
    """
    for change in changes:
        _refuse_empty(top, base, change)
    for first, second in combinations(changes, 2):
        _refuse_contained(first, second)


def shared_commits(changes: Sequence[Change]) -> Iterator[str]:
    """A sentence for each two changes that have some commits in common.

    Args:
        changes: the changes.

    Yields:
        The sentences.
    """
    for first, second in combinations(changes, 2):
        shared = [commit for commit in first.commits if commit in set(second.commits)]
        if shared:
            yield (
                f"{first.name} and {second.name} share {count_of(len(shared), 'commit')} "
                f"({shared[0][:ABBREVIATED]}{', …' if len(shared) > 1 else ''}): what it does is "
                "in the effect of each, and its double in neither"
            )


def _refuse_empty(top: Path, base: str, change: Change) -> None:
    short = base[:ABBREVIATED]
    if change.kind is ChangeKind.BRANCH and not change.commits:
        raise WorktreeError(
            f"{change.name} is already in BASE ({short}): it has no commit that BASE lacks; give "
            "an older BASE, or its last commit alone as a hash"
        )
    if change.kind is ChangeKind.RANGE and not change.commits:
        raise WorktreeError(f"the range {change.spec} holds no commit")
    if tree_of(top, change.start) == tree_of(top, change.end):
        raise WorktreeError(_nothing(change))
    if change.commits and not run_git(top, "rev-list", "-n", "1", change.end, f"^{base}").strip():
        raise WorktreeError(
            f"{change.name} is already in BASE ({short}), which contains "
            f"{change.end[:ABBREVIATED]}; give its parent as BASE: {change.start[:ABBREVIATED]}"
        )


def _nothing(change: Change) -> str:
    if change.kind is ChangeKind.WORKTREE:
        return "there are no uncommitted changes: leave WORKTREE out"
    if change.kind is ChangeKind.PATCH:
        return f"{change.spec} changes nothing in BASE: it may be in BASE already"
    return (
        f"{change.name} changes no file: {change.start[:ABBREVIATED]} and "
        f"{change.end[:ABBREVIATED]} hold the same"
    )


def _refuse_contained(first: Change, second: Change) -> None:
    ours, theirs = set(first.commits), set(second.commits)
    if not ours or not theirs:
        return
    if ours == theirs:
        raise WorktreeError(
            f"{first.name} and {second.name} are the same {count_of(len(ours), 'commit')}; "
            "give one of them"
        )
    for inner, outer in ((first, second), (second, first)):
        if set(inner.commits) < set(outer.commits):
            raise WorktreeError(
                f"{outer.name} contains {inner.name} (all of its "
                f"{count_of(len(inner.commits), 'commit')}), so they cannot be told apart; give "
                "what it adds in its place: "
                f"--change {inner.end[:ABBREVIATED]}..{outer.end[:ABBREVIATED]}"
            )
