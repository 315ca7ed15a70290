"""Commits that no ref reaches: states of the code that are built without touching the checkout."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from pytest_mlregress.revisions.repository import run_git
from pytest_mlregress.revisions.worktree_error import WorktreeError

__all__ = ["check_git_version", "empty_tree", "loose_commit", "tree_of"]

_NEEDED: Final = (2, 38)  # git merge-tree --write-tree
_WHO: Final = {
    f"GIT_{role}_{what}": value
    for role in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "pytest-mlregress"), ("EMAIL", "mlregress@localhost"))
}


def check_git_version(top: Path) -> None:
    """Refuse a git that cannot merge without a checkout.

    Args:
        top: the top of the checkout.

    Raises:
        WorktreeError: git is older than 2.38; names its version.
    """
    text = run_git(top, "version").strip()
    numbers = text.removeprefix("git version ").split(".")
    found = tuple(int(number) for number in numbers[:2] if number.isdigit())
    if len(found) == len(_NEEDED) and found < _NEEDED:
        needed = ".".join(map(str, _NEEDED))
        raise WorktreeError(
            f"{text} cannot merge without a checkout; changes are combined by "
            f"git merge-tree --write-tree, which needs git {needed} or newer"
        )


def tree_of(top: Path, commit: str) -> str:
    """The tree of a commit.

    Args:
        top: the top of the checkout.
        commit: the commit.

    Returns:
        The full name of the tree.

    Raises:
        WorktreeError: git failed.
    """
    return run_git(top, "rev-parse", "--verify", "--quiet", f"{commit}^{{tree}}").strip()


def empty_tree(top: Path) -> str:
    """The tree without any file, in the repository's hash.

    Args:
        top: the top of the checkout.

    Returns:
        The full name of the tree.

    Raises:
        WorktreeError: git failed.
    """
    return run_git(top, "hash-object", "-w", "-t", "tree", "--stdin").strip()  # nothing on stdin


def loose_commit(top: Path, tree: str, parent: str | None, subject: str) -> str:
    """A commit of a tree, without a ref.

    Equal arguments give the equal commit, whoever runs this and whenever, so that a later run finds
    the worktree and the trained seeds of an earlier one.

    Args:
        top: the top of the checkout.
        tree: the tree.
        parent: the commit that comes before it; None for none.
        subject: the message.

    Returns:
        The full name of the commit.

    Raises:
        WorktreeError: git failed; objects are written even where nothing else is.
    """
    # A second after its parent: with an older date, a search for merge bases walks all of history.
    time = int(run_git(top, "show", "-s", "--format=%ct", parent)) + 1 if parent else 1
    date = f"@{time} +0000"
    return run_git(
        top,
        *("commit-tree", tree, "-m", subject),
        *(("-p", parent) if parent else ()),
        options=("-c", "i18n.commitEncoding=UTF-8"),
        variables={**_WHO, "GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date},
    ).strip()
