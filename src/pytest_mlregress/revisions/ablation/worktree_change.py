"""The uncommitted changes of the working tree as a change."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from pytest_mlregress.baselines.git_command import GitError
from pytest_mlregress.revisions.ablation.loose_commit import loose_commit
from pytest_mlregress.revisions.ablation.temporary_index import temporary_index
from pytest_mlregress.revisions.repository import Repository, run_git, split_names
from pytest_mlregress.revisions.worktree_error import WorktreeError

__all__ = ["commit_working_tree"]

_LARGEST: Final = 10_000_000
"""Bytes of an untracked file that is still copied into the repository."""


def commit_working_tree(repository: Repository, head: str) -> str:
    """The working tree as a commit on HEAD: tracked files as they are, and untracked ones.

    Files that git ignores are left out. The index and the checkout are not touched.

    Args:
        repository: the repository.
        head: the commit of HEAD.

    Returns:
        The full name of a commit that no ref reaches.

    Raises:
        WorktreeError: an untracked file is too large to be copied, or git failed.
    """
    top = repository.top
    _refuse_large_files(top)
    with temporary_index(top) as index:
        try:
            index("read-tree", head)
            index("add", "--all", "--", ".")
            tree = index("write-tree").strip()
        except GitError as error:
            raise WorktreeError(f"the uncommitted changes cannot be read: {error}") from None
    return loose_commit(top, tree, head, "Uncommitted changes")


def _refuse_large_files(top: Path) -> None:
    untracked = run_git(top, "ls-files", "-z", "--others", "--exclude-standard")
    for name in split_names(untracked):
        path = top / name
        if path.is_file() and not path.is_symlink() and path.stat().st_size > _LARGEST:
            raise WorktreeError(
                f"the untracked file {name} has {path.stat().st_size / 1e6:.0f} MB, more than the "
                f"{_LARGEST / 1e6:.0f} MB that WORKTREE takes along; add it to .gitignore, "
                "or commit it"
            )
