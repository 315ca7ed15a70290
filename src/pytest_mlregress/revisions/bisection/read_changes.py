"""Which changed files a seed depends on, by what it read when it trained."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePosixPath

from pytest_mlregress.revisions.bisection.tree_changes import FileChange
from pytest_mlregress.running.reads import Reads

__all__ = ["changes_that_are_read"]


def changes_that_are_read(reads: Reads, changes: Iterable[FileChange]) -> tuple[str, ...]:
    """The changed files that can move the result of a seed.

    Args:
        reads: what the seed read in one of two states.
        changes: what differs between both.

    Returns:
        Paths, sorted. Empty if the seed reads nothing that differs: if all that it depends on was
        recorded, its result is the same in both states, bit for bit.
    """
    return tuple(sorted(change.path for change in changes if _is_read(reads, change)))


def _is_read(reads: Reads, change: FileChange) -> bool:
    path = change.path
    if path in reads.files or any(file.startswith(f"{path}/") for file in reads.files):
        return True  # the second: a submodule, which git has as one entry
    if not change.only_on_one_side:
        return False
    folders = [parent.as_posix() for parent in PurePosixPath(path).parents]
    # A folder that holds the file may be new or gone itself, and so change the names in its own.
    return any(folder in reads.listings for folder in folders) or any(
        stem in reads.absent for stem in _import_stems(path)
    )


def _import_stems(path: str) -> tuple[str, ...]:
    """The paths without suffix at which an import finds a file."""
    place = PurePosixPath(path)
    stem = place.with_name(place.name.partition(".")[0])
    if stem.name == "__init__":
        return (stem.as_posix(), stem.parent.as_posix())
    return (stem.as_posix(),)
