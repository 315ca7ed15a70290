"""Git LFS in the base's checkout: what is on this machine is used, and nothing is downloaded."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final

from pytest_mlregress.revisions.place_file import place_file
from pytest_mlregress.revisions.repository import run_git, split_names

__all__ = ["fill_pointers"]

_POINTER: Final = re.compile(
    rb"version https://git-lfs\.github\.com/spec/v1\n(?:.*\n)*?"
    rb"oid sha256:([0-9a-f]{64})\nsize (\d+)\n"
)
_LONGEST_POINTER: Final = 1024
_ATTRIBUTES: Final = ".gitattributes"


def fill_pointers(
    names: Iterable[str], *, common: Path, candidate: Path, base: Path
) -> tuple[str, ...]:
    """Replace the pointers of Git LFS in a checkout by their files, where those are at hand.

    A file comes from git-lfs's store in the repository, or from the candidate if it has the same
    content. git-lfs itself is not needed.

    Args:
        names: the files of both sides, below the top.
        common: git's shared folder of the repository.
        candidate: the top of the candidate's checkout.
        base: the top of the base's.

    Returns:
        The files that stay pointers although the candidate has them, sorted.

    Raises:
        OSError: a file cannot be written.
        WorktreeError: git failed.
    """
    if not _uses_lfs(names, base):
        return ()
    missing: list[str] = []
    for name in split_names(run_git(base, "ls-files", "-z", "--", ":(attr:filter=lfs)")):
        pointer = _read_pointer(base / name)
        if pointer is None:
            continue
        oid, size = pointer
        stored = common / "lfs" / "objects" / oid[:2] / oid[2:4] / oid
        if stored.is_file():
            place_file(stored, base / name)
        elif _is_that_file(candidate / name, oid, size):
            place_file(candidate / name, base / name)
        elif (candidate / name).is_file() and _read_pointer(candidate / name) is None:
            missing.append(name)
    return tuple(sorted(missing))


def _uses_lfs(names: Iterable[str], base: Path) -> bool:
    for name in {_ATTRIBUTES, *(name for name in names if name.endswith(f"/{_ATTRIBUTES}"))}:
        with suppress(OSError):
            if b"filter=lfs" in (base / name).read_bytes():
                return True
    return False


def _read_pointer(path: Path) -> tuple[str, int] | None:
    """The object and the size that a pointer names; None for any other file."""
    with suppress(OSError):
        if path.is_symlink() or path.stat().st_size > _LONGEST_POINTER:
            return None
        found = _POINTER.fullmatch(path.read_bytes())
        return (found[1].decode(), int(found[2])) if found else None
    return None


def _is_that_file(path: Path, oid: str, size: int) -> bool:
    with suppress(OSError):
        if path.is_file() and path.stat().st_size == size:
            with path.open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest() == oid
    return False
