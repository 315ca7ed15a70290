"""The repository around a folder, and git's answers about it as text."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from pytest_mlregress.baselines.git_command import GitError, git, has_repository_above
from pytest_mlregress.revisions.worktree_error import WorktreeError

__all__ = ["Repository", "ask_git", "find_repository", "run_git", "split_names"]

_NONE: Final[Mapping[str, str]] = MappingProxyType({})

_LONG_TIMEOUT_S: Final = 300.0
"""How long git may take to write or list a whole checkout, in seconds."""

_UNATTENDED: Final = (
    *("-c", f"core.hooksPath={os.devnull}"),  # the user's hooks expect the user's checkout
    *("-c", "core.fsmonitor=false"),  # it would start a daemon for a folder that is soon gone
    *("-c", "submodule.recurse=false"),  # submodules are checked out without a network
    *("-c", "advice.detachedHead=false"),
    # Pointers stay pointers: git-lfs would download, and fail where it is not installed.
    *("-c", "filter.lfs.smudge=", "-c", "filter.lfs.process=", "-c", "filter.lfs.required=false"),
)


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository as seen from one of its checkouts.

    Attributes:
        top: the top folder of the checkout.
        common: the folder that all checkouts of the repository share, such as ``.git``.
        shallow: whether the clone lacks a part of the history.
        head: the commit that is checked out; None before the first one.
    """

    top: Path
    common: Path
    shallow: bool
    head: str | None


def find_repository(folder: Path) -> Repository:
    """The repository whose checkout contains a folder.

    Args:
        folder: the folder.

    Returns:
        The repository.

    Raises:
        WorktreeError: there is none, git is missing, or git refuses to read it.
    """
    facts = ("--show-toplevel", "--git-common-dir", "--is-shallow-repository")
    try:
        lines = _facts(folder, *facts, "HEAD")
        head: str | None = lines[3]
    except GitError:
        try:
            lines, head = _facts(folder, *facts), None
        except GitError as error:
            raise WorktreeError(_unusable(folder, str(error))) from None
    return Repository(
        top=Path(lines[0]).resolve(),
        common=(folder / lines[1]).resolve(),
        shallow=lines[2] == "true",
        head=head,
    )


def ask_git(
    folder: Path,
    *arguments: str,
    options: tuple[str, ...] = (),
    variables: Mapping[str, str] = _NONE,
) -> str:
    """What git prints, without hooks, filters of Git LFS, daemons and recursion.

    Args:
        folder: where git runs.
        *arguments: the command and its arguments.
        options: further options of git itself.
        variables: what git's environment holds besides.

    Returns:
        The output; bytes that are no UTF-8 as the file system's names have them.

    Raises:
        GitError: git failed, or answered no.
    """
    printed = git(
        folder,
        *arguments,
        timeout_s=_LONG_TIMEOUT_S,
        options=(*_UNATTENDED, *options),
        variables=variables,
    )
    return os.fsdecode(printed)


def run_git(
    folder: Path,
    *arguments: str,
    options: tuple[str, ...] = (),
    variables: Mapping[str, str] = _NONE,
) -> str:
    """As `ask_git`, where a failure ends the comparison.

    Args:
        folder: where git runs.
        *arguments: the command and its arguments.
        options: further options of git itself.
        variables: what git's environment holds besides.

    Returns:
        The output.

    Raises:
        WorktreeError: git failed; the text is git's.
    """
    try:
        return ask_git(folder, *arguments, options=options, variables=variables)
    except GitError as error:
        raise WorktreeError(f"git {arguments[0]} failed: {error}") from None


def split_names(listing: str) -> tuple[str, ...]:
    """The entries of a listing of ``git … -z``."""
    return tuple(name for name in listing.split("\0") if name)


def _facts(folder: Path, *questions: str) -> list[str]:
    return os.fsdecode(git(folder, "rev-parse", *questions)).splitlines()


def _unusable(folder: Path, problem: str) -> str:
    if "must be run in a work tree" in problem:
        return (
            f"{folder} is inside a bare repository, and the candidate is a checkout; "
            "run pytest in one (git worktree list shows them)"
        )
    if "not a git repository" in problem and not has_repository_above(folder):
        return (
            f"{folder} is outside git, so there is no other commit to compare with; make it a "
            "repository and commit: git init && git add --all && git commit"
        )
    return f"git rev-parse failed: {problem}"
