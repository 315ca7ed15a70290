"""Applying a change to any state of the code, as ``git merge`` would, without a checkout."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pytest_mlregress.baselines.git_command import GitError
from pytest_mlregress.revisions.ablation.change import Change
from pytest_mlregress.revisions.ablation.loose_commit import loose_commit, tree_of
from pytest_mlregress.revisions.repository import ask_git
from pytest_mlregress.revisions.worktree_error import WorktreeError

__all__ = ["ConflictedFile", "MergeConflict", "merge_change"]

_CONFLICT: Final = "CONFLICT ("
_CONFLICTED: Final = 1


@dataclass(frozen=True, slots=True)
class ConflictedFile:
    """A file that both sides of a merge changed.

    Attributes:
        path: its path below the top of the repository.
        kind: git's word for the conflict, such as ``contents`` or ``modify/delete``.
    """

    path: str
    kind: str


@dataclass(frozen=True, slots=True)
class MergeConflict:
    """A merge that git leaves to a person.

    Attributes:
        files: the files.
    """

    files: tuple[ConflictedFile, ...]


def merge_change(top: Path, tree: str, change: Change) -> str | MergeConflict:
    """The tree that a change makes of another one.

    Args:
        top: the top of the checkout.
        tree: the tree that it is applied to.
        change: the change.

    Returns:
        The merged tree, or what is in conflict.

    Raises:
        WorktreeError: git failed.
    """
    # git finds the base of a merge in the history. `--merge-base` came with git 2.40; two commits
    # that follow the start of the change say the same to any git.
    ours = loose_commit(top, tree, change.start, "The code that a change is applied to")
    theirs = loose_commit(top, tree_of(top, change.end), change.start, "The change")
    try:
        printed = ask_git(top, "merge-tree", "--write-tree", "-z", "--name-only", ours, theirs)
    except GitError as error:
        if error.status != _CONFLICTED:
            raise WorktreeError(f"git merge-tree failed: {error}") from None
        return _conflict(error.output.decode("utf-8", "surrogateescape"))
    return printed.partition("\0")[0].strip()


def _conflict(printed: str) -> MergeConflict:
    """What ``git merge-tree -z --name-only`` says: tree, files, an empty field, then messages.

    A message is the number of its paths, the paths, its type and a text.
    """
    fields = iter(printed.split("\0"))
    next(fields)
    files: list[str] = []
    for field in fields:
        if not field:
            break
        files.append(field)
    kinds: dict[str, str] = {}
    for count in fields:
        if not count.strip().isdigit():
            break
        paths = [next(fields, "") for _ in range(int(count))]
        kind = next(fields, "")
        next(fields, "")
        if kind.startswith(_CONFLICT):
            kinds |= {path: kind.removeprefix(_CONFLICT).removesuffix(")") for path in paths}
    return MergeConflict(tuple(ConflictedFile(path, kinds.get(path, "contents")) for path in files))
