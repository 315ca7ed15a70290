"""Putting a file of the candidate into the base's checkout."""

from __future__ import annotations

import shutil
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

__all__ = ["link_or_copy", "place_file", "remove_file"]

_COPIED_UP_TO: Final = 16 * 2**20
"""Bytes up to which a file is copied: what the base's run writes to it stays in the base."""

_FICLONE: Final = 0x40049409
"""Linux's request for a clone, ``linux/fs.h``."""


def place_file(source: Path, target: Path) -> None:
    """Make ``target`` what ``source`` is: a symbolic link, or a file with its mode.

    A large file is cloned where the file system can do so, else it is linked; what is written to
    a clone stays in it.

    Args:
        source: a file or a symbolic link; a folder is linked.
        target: the path to replace; the folders above it are made.

    Raises:
        OSError: it cannot be written.
    """
    remove_file(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_symlink():
        target.symlink_to(source.readlink(), target_is_directory=source.is_dir())
    elif source.is_dir():
        link_or_copy(source, target)
    elif source.stat().st_size > _COPIED_UP_TO:
        if not _clone(source, target):
            link_or_copy(source, target)
    else:
        _copy(source, target)


def link_or_copy(source: Path, target: Path) -> None:
    """Make ``target`` a symbolic link to a file or folder, or a copy where links fail.

    Args:
        source: the file or folder.
        target: a path where nothing is; the folders above it are made.

    Raises:
        OSError: it can be neither linked nor copied.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        target.symlink_to(source.absolute(), target_is_directory=source.is_dir())
    except OSError:  # Windows without the privilege, and some network disks
        if source.is_dir():
            shutil.copytree(source, target, symlinks=True)
        else:
            _copy(source, target)


def remove_file(target: Path) -> None:
    """Remove a file, a link or a folder, if it is there.

    A symbolic link in place of a folder above it is removed, too: what lies behind the link is not
    ours.

    Args:
        target: the path.

    Raises:
        OSError: it cannot be removed.
    """
    if target.is_dir() and not target.is_symlink():
        shutil.rmtree(target)
    else:
        with suppress(FileNotFoundError, NotADirectoryError):
            target.unlink()


def _clone(source: Path, target: Path) -> bool:
    """Whether a copy was made whose blocks are shared until they are written (Btrfs, XFS, ZFS)."""
    if sys.platform != "linux":
        return False
    import fcntl

    with source.open("rb") as read:
        try:
            with target.open("xb") as written:
                fcntl.ioctl(written.fileno(), _FICLONE, read.fileno())
        except OSError:
            target.unlink(missing_ok=True)
            return False
    shutil.copymode(source, target)
    return True


def _copy(source: Path, target: Path) -> None:
    shutil.copyfile(source, target)
    shutil.copymode(source, target)
