"""A file is replaced whole or not at all, whatever ends the process or the machine."""

import errno
import os
import secrets
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final

__all__ = ["check_replaceable", "remove_abandoned", "replace_file"]

_TEMPORARY: Final = ".mlregress-tmp"
_ABANDONED_AFTER_S: Final = 600.0


def replace_file(path: Path, content: bytes | Iterable[bytes]) -> None:
    """Write `content` to `path`, in an existing folder, in one step that survives a crash.

    Args:
        path: the file.
        content: its new content, whole or in pieces.

    Raises:
        OSError: it cannot be written; the old file is untouched.
    """
    temporary = path.with_name(f".{secrets.token_hex(8)}{_TEMPORARY}")
    # Not `tempfile`: its files are private to their owner, and baselines and reports are shared.
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.writelines((content,) if isinstance(content, bytes) else content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def check_replaceable(path: Path) -> None:
    """Raise the error now that `replace_file` would raise later, as far as it can be known.

    A file is made and removed where the path, or the nearest folder above it that exists, would get
    one: permissions do not show read-only disks.

    Args:
        path: the file.

    Raises:
        OSError: nothing can be written under that path.
    """
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    folder = path.parent
    while not folder.exists():
        folder = folder.parent
    probe = folder / f".{secrets.token_hex(8)}{_TEMPORARY}"
    os.close(os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
    probe.unlink()


def remove_abandoned(folder: Path) -> None:
    """Remove the temporary files of writers that were killed, known by their age.

    Args:
        folder: the folder.
    """
    before = time.time() - _ABANDONED_AFTER_S
    for leftover in folder.glob(f".*{_TEMPORARY}"):
        with suppress(OSError):  # another writer may have been faster
            if leftover.lstat().st_mtime < before:
                leftover.unlink()


def _sync_folder(folder: Path) -> None:
    """Make a rename in the folder durable; Windows cannot open folders, and needs no such step."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
