"""What git knows of single files: whether they are committed, when, and their earlier text."""

from __future__ import annotations

import os
from pathlib import Path

from pytest_mlregress.baselines.git_command import GitError, git

__all__ = ["last_commit", "text_at", "tracked_files"]


def last_commit(top: Path, file: Path) -> str | None:
    """The commit that last changed a file.

    Args:
        top: the top of the repository.
        file: the file.

    Returns:
        The full name; None where git has none, or cannot tell.
    """
    try:
        printed = git(top, "log", "-1", "--format=%H", "--", _inside(top, file))
    except (GitError, ValueError):
        return None
    return printed.decode().strip() or None


def text_at(top: Path, commit: str, file: Path) -> str | None:
    """The text of a file at a commit.

    Args:
        top: the top of the repository.
        commit: the commit.
        file: the file, where it is now.

    Returns:
        The text; None where it was not there, or git does not have that commit.
    """
    try:
        return git(top, "show", f"{commit}:{_inside(top, file)}").decode("utf-8", "replace")
    except (GitError, ValueError):
        return None


def tracked_files(top: Path) -> frozenset[Path] | None:
    """Every file that git tracks in a checkout.

    Args:
        top: the top of the repository.

    Returns:
        Absolute paths; None where git cannot tell.
    """
    try:
        listing = git(top, "ls-files", "-z", "--recurse-submodules")
    except GitError:
        try:
            listing = git(top, "ls-files", "-z")
        except GitError:
            return None
    return frozenset(top / os.fsdecode(name) for name in listing.split(b"\0") if name)


def _inside(top: Path, file: Path) -> str:
    return file.relative_to(top).as_posix()
