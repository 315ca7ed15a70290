"""Git's part of a worktree: made, restored, and filled with submodules and large files."""

from __future__ import annotations

import shlex
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pytest_mlregress.baselines.git_command import GitError
from pytest_mlregress.revisions.candidate_files import GITLINK
from pytest_mlregress.revisions.repository import (
    Repository,
    ask_git,
    find_repository,
    run_git,
    split_names,
)
from pytest_mlregress.revisions.worktree_entries import entry_of
from pytest_mlregress.revisions.worktree_error import WorktreeError
from pytest_mlregress.revisions.worktree_folders import (
    WorktreeFolder,
    new_folder,
    remove_leftovers,
    reusable_folder,
)

__all__ = ["check_out", "check_out_submodules"]

_MODULE_PATH: Final = r"^submodule\..*\.path$"


def check_out(repository: Repository, commit: str, place: Path) -> WorktreeFolder:
    """A worktree of a commit, as clean as a fresh one: an earlier run's if it kept one.

    Args:
        repository: the repository.
        commit: the full name of the commit.
        place: the folder for worktrees.

    Returns:
        The locked folder with the worktree in it.

    Raises:
        WorktreeError: git cannot check the commit out, or nothing can be written.
    """
    place = place.absolute().resolve()
    remove_leftovers(repository.common, place)
    kept = reusable_folder(place, repository.common, commit)
    if kept is not None:
        try:
            _restore(kept.path, commit)
        except (WorktreeError, OSError):
            kept.remove()
        else:
            return kept
    folder = new_folder(place, repository.common, commit)
    try:
        _add(repository.top, folder.path, commit)
    except BaseException:
        folder.remove()
        raise
    return folder


def check_out_submodules(
    folder: WorktreeFolder, candidate: Path, *, skipped: Collection[str]
) -> tuple[str, ...]:
    """Fill the submodules of a worktree with the commits that it records, without a network.

    Args:
        folder: the worktree.
        candidate: the top of the candidate's checkout, whose initialised submodules have the
            commits.
        skipped: paths below the top that no submodule is needed at.

    Returns:
        The submodules that stay empty, because the candidate has not initialised them.

    Raises:
        WorktreeError: a commit is not in the submodule's repository.
    """
    return tuple(_fill(folder, folder.path, candidate, "", skipped))


def _fill(
    folder: WorktreeFolder, base: Path, candidate: Path, prefix: str, skipped: Collection[str]
) -> list[str]:
    links = _gitlinks(base)
    if not links:
        return []
    empty: list[str] = []
    moved = _moved(base, candidate)
    for link in links:
        shown = f"{prefix}{link.path}"
        if any(shown == path or shown.startswith(f"{path}/") for path in skipped):
            continue
        source = candidate / moved.get(link.path, link.path)
        if not (source / ".git").exists():
            empty.append(shown)
            continue
        _fill_one(folder, base / link.path, source, link.commit, shown)
        empty += _fill(folder, base / link.path, source, f"{shown}/", skipped)
    return empty


def _fill_one(folder: WorktreeFolder, target: Path, source: Path, commit: str, shown: str) -> None:
    submodule = find_repository(source)
    folder.record(clean=False, submodules=(submodule.common,))
    try:
        ask_git(source, "cat-file", "-e", f"{commit}^{{commit}}")
    except GitError:
        raise WorktreeError(
            f"the base needs the submodule {shown} at {commit}, which is not in its repository; "
            f"fetch it: git -C {shlex.quote(str(source))} fetch origin {commit}"
        ) from None
    if entry_of(target) is None:
        remove_leftovers(submodule.common)
        _add(source, target, commit)
    else:
        _restore(target, commit)


@dataclass(frozen=True, slots=True)
class _Gitlink:
    """A submodule of a worktree: its path, and the commit that it records there."""

    path: str
    commit: str


def _gitlinks(top: Path) -> list[_Gitlink]:
    if not (top / ".gitmodules").exists():
        return []
    links = []
    for line in split_names(run_git(top, "ls-files", "-s", "-z")):
        facts, _, path = line.partition("\t")
        mode, commit, _ = facts.split()
        if mode == GITLINK:
            links.append(_Gitlink(path, commit))
    return links


def _moved(base: Path, candidate: Path) -> dict[str, str]:
    """Where the candidate has the submodules of the base, by their path in the base."""
    ours, theirs = _module_paths(base), _module_paths(candidate)
    return {path: theirs[name] for name, path in ours.items() if name in theirs}


def _module_paths(top: Path) -> dict[str, str]:
    """The path of each submodule by its name."""
    try:
        listing = ask_git(
            top, "config", "-z", "--file", str(top / ".gitmodules"), "--get-regexp", _MODULE_PATH
        )
    except GitError:
        return {}
    pairs = (entry.partition("\n") for entry in split_names(listing))
    return {key: path for key, _, path in pairs}


def _add(source: Path, target: Path, commit: str) -> None:
    run_git(source, "worktree", "add", "--detach", "--quiet", "--force", str(target), commit)


def _restore(worktree: Path, commit: str) -> None:
    """Make a worktree as it was when it was added.

    Git is told which repository and which folder, so that it never takes a folder above for them.
    """
    entry = entry_of(worktree)
    if entry is None:
        raise WorktreeError(f"{worktree} is no worktree any more")
    exactly = (f"--git-dir={entry}", f"--work-tree={worktree}")
    for lock in ("index.lock", "HEAD.lock"):  # of a git that a test had started and killed
        (entry / lock).unlink(missing_ok=True)
    run_git(worktree, "checkout", "--detach", "--force", "--quiet", commit, options=exactly)
    run_git(worktree, "clean", "-ffdxq", options=exactly)
