"""The folders that hold worktrees of ours: locked while used, kept for re-use, found when lost.

Each folder ``mlregress-base-<token>`` has two files beside it. Its ``.lock`` is held by the process
that uses it and freed by the system when that process ends, however it ends. Its ``.json`` says
what the folder holds, and whether the last use of it ended cleanly. A folder that is neither locked
nor clean was left by a killed run, and the next run removes it.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import stat
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pytest_mlregress.revisions.worktree_entries import OURS, PREFIX, entries_of_ours, entry_of
from pytest_mlregress.revisions.worktree_error import WorktreeError

if TYPE_CHECKING:
    from filelock import BaseFileLock

__all__ = ["WorktreeFolder", "new_folder", "remove_leftovers", "reusable_folder"]

_MOST_KEPT: Final = 2
_UNFINISHED_AFTER_S: Final = 60.0
"""When an entry that git was about to make, and that names no folder yet, was left by a kill."""


@dataclass(frozen=True, slots=True)
class WorktreeFolder:
    """A folder for a worktree, locked by this process.

    Attributes:
        path: the folder, which is the top of the worktree.
        repository: git's shared folder of the repository that the worktree belongs to.
        commit: the commit that it holds.
    """

    path: Path
    repository: Path
    commit: str
    _lock: BaseFileLock

    def record(self, *, clean: bool, submodules: Iterable[Path] = ()) -> None:
        """Write down what the folder holds.

        Args:
            clean: whether a later run may use the worktree again.
            submodules: git's shared folders of the submodules with worktrees in the folder.

        Raises:
            OSError: it cannot be written.
        """
        earlier = _read_note(self.path).get("submodules", [])
        note = {
            "repository": str(self.repository),
            "commit": self.commit,
            "submodules": sorted({*earlier, *map(str, submodules)}),
            "clean": clean,
            "time": time.time(),
        }
        _note_of(self.path).write_text(json.dumps(note), encoding="utf-8")

    def keep(self) -> None:
        """Leave the worktree to the next run at the same commit, and remove older ones."""
        with suppress(OSError):
            self.record(clean=True)
        self._lock.release()
        _remove_surplus(self.path.parent, self.repository)

    def remove(self) -> None:
        """Remove the worktree and what git knows of it."""
        _remove(self.path, self.repository)
        self._lock.release()
        with suppress(OSError):
            _lock_of(self.path).unlink(missing_ok=True)


def new_folder(place: Path, repository: Path, commit: str) -> WorktreeFolder:
    """A name for a new worktree, locked; the folder itself is left for git to make.

    Args:
        place: the folder of all worktrees of a checkout; made if it is missing.
        repository: git's shared folder of the repository.
        commit: the commit that the worktree will hold.

    Returns:
        The folder.

    Raises:
        WorktreeError: nothing can be written there.
    """
    path = place / f"{PREFIX}{secrets.token_hex(4)}"
    try:
        place.mkdir(parents=True, exist_ok=True)
        ignored = place / ".gitignore"
        if not ignored.exists():
            ignored.write_text("*\n", encoding="utf-8")
        lock = _locked(path)
        if lock is None:
            raise WorktreeError(
                f"no lock can be taken in {place}; choose a cache folder of pytest on a disk of "
                "this machine: -o cache_dir=FOLDER"
            )
        folder = WorktreeFolder(path, repository, commit, lock)
        folder.record(clean=False)
    except OSError as error:
        raise WorktreeError(
            f"no worktree can be made in {place}: {error}; make it writable, or choose another "
            "cache folder of pytest: -o cache_dir=FOLDER"
        ) from None
    return folder


def reusable_folder(place: Path, repository: Path, commit: str) -> WorktreeFolder | None:
    """A worktree of the commit that an earlier run kept, locked.

    Args:
        place: the folder of all worktrees of a checkout.
        repository: git's shared folder of the repository.
        commit: the commit.

    Returns:
        The folder; None if there is none, or another run uses it.
    """
    for path in _folders(place):
        if not _holds(path, repository, commit):
            continue
        lock = _locked(path)
        if lock is None:
            continue
        if _holds(path, repository, commit):
            folder = WorktreeFolder(path, repository, commit, lock)
            folder.record(clean=False)
            return folder
        lock.release()
    return None


def remove_leftovers(repository: Path, place: Path | None = None) -> None:
    """Remove what killed runs left: folders, and git's entries of them.

    Args:
        repository: git's shared folder of the repository.
        place: the folder of all worktrees of a checkout; None to go by git's entries alone.
    """
    for path in _folders(place) if place else ():
        _remove_if_left(path, repository)
    for entry, worktree in entries_of_ours(repository):
        if worktree is None:
            with suppress(OSError):
                if entry.stat().st_mtime < time.time() - _UNFINISHED_AFTER_S:
                    _delete(entry)
        elif not worktree.parent.exists():
            _delete(entry)
        else:
            _remove_if_left(worktree, repository)
            if not worktree.exists() and not _lock_of(worktree).exists():
                _delete(entry)


def _remove_surplus(place: Path, repository: Path) -> None:
    """Keep the newest worktrees, and of each commit one."""
    commits: set[tuple[Any, Any]] = set()
    kept = sorted(
        (path for path in _folders(place) if _read_note(path).get("clean")),
        key=lambda path: float(_read_note(path).get("time", 0.0)),
        reverse=True,
    )
    for path in kept:
        note = _read_note(path)
        holds = (note.get("repository"), note.get("commit"))
        if holds in commits or len(commits) >= _MOST_KEPT:
            _under_lock(path, partial(_remove, path, repository))
        commits.add(holds)


def _remove_if_left(path: Path, repository: Path) -> None:
    def remove() -> None:
        if _is_left(path):  # a run may have taken or made it before the lock was ours
            _remove(path, repository)

    if _is_left(path):
        _under_lock(path, remove)


def _is_left(path: Path) -> bool:
    """Whether a folder is of no use unless a run holds its lock."""
    return _read_note(path).get("clean") is not True or entry_of(path) is None


def _under_lock(path: Path, action: Callable[[], None]) -> None:
    """Act on a folder unless a run uses it, and drop the lock with the folder."""
    lock = _locked(path)
    if lock is None:
        return
    try:
        action()
    finally:
        lock.release()
        if not path.exists() and not _note_of(path).exists():
            with suppress(OSError):
                _lock_of(path).unlink(missing_ok=True)


def _remove(path: Path, repository: Path) -> None:
    note = _read_note(path)
    _delete(path)
    if path.exists():
        return
    own = Path(note.get("repository", repository))
    for common in {repository, own, *map(Path, note.get("submodules", ()))}:
        for entry, worktree in entries_of_ours(common):
            if worktree == path:
                _delete(entry)
    with suppress(OSError):
        _note_of(path).unlink(missing_ok=True)


def _folders(place: Path) -> list[Path]:
    """The folders of ours in a place, also those of which only the lock or the note is left."""
    with suppress(OSError):
        found = {OURS.match(path.name) for path in place.iterdir()}
        return [place / name for name in sorted({match[0] for match in found if match})]
    return []


def _holds(path: Path, repository: Path, commit: str) -> bool:
    note = _read_note(path)
    return (
        note.get("clean") is True
        and note.get("repository") == str(repository)
        and note.get("commit") == commit
        and entry_of(path) is not None
    )


def _read_note(path: Path) -> dict[str, Any]:
    with suppress(OSError, ValueError):
        note = json.loads(_note_of(path).read_text(encoding="utf-8"))
        return note if isinstance(note, dict) else {}
    return {}


def _note_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.json")


def _lock_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.lock")


def _locked(path: Path) -> BaseFileLock | None:
    """The lock of a folder; None while another process holds it."""
    from filelock import FileLock, Timeout  # it imports asyncio: only for those who compare

    lock = FileLock(_lock_of(path), timeout=0, thread_local=False)
    try:
        lock.acquire()
    except (Timeout, OSError, NotImplementedError):  # the last: some network disks have no locks
        return None
    return lock


def _delete(folder: Path) -> None:
    """Delete a folder, also one with parts that a test made read-only.

    What cannot be deleted stays, for the next run to try again.
    """
    shutil.rmtree(folder, ignore_errors=True)
    if folder.exists():
        for parent, names, files in os.walk(folder):
            # On POSIX a file needs no permission to go, and may be a hard link to the candidate's.
            changed = [".", *names, *(files if os.name == "nt" else ())]
            for path in (Path(parent, name) for name in changed):
                if not path.is_symlink():
                    with suppress(OSError):
                        path.chmod(path.stat().st_mode | stat.S_IRWXU)
        shutil.rmtree(folder, ignore_errors=True)
    if folder.parent.name == "worktrees":
        with suppress(OSError):
            folder.parent.rmdir()
