"""Files of a cache, in groups: a local folder, or a URL that fsspec understands."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from pytest_mlregress.baselines.atomic import remove_abandoned, replace_file
from pytest_mlregress.baselines.errors import StoreError
from pytest_mlregress.baselines.remote_files import (
    address,
    open_url,
    reason_of,
    replace_remote_file,
)
from pytest_mlregress.baselines.urls import without_credentials

if TYPE_CHECKING:
    from pathlib import PurePosixPath

    from fsspec import AbstractFileSystem

MOST_BYTES: Final = 512 * 2**20
"""A local cache that has grown beyond this loses the entries that were written first."""

LARGEST_ENTRY: Final = 16 * 2**20
_SUFFIX: Final = ".json.gz"


class EntryStore(Protocol):
    """Groups of small files, each written whole and never changed.

    Every method raises `OSError` or `StoreError` where the place cannot be reached.
    """

    def names(self, group: str) -> list[str]:
        """The files of a group, the newest first."""

    def read(self, group: str, name: str) -> bytes:
        """The content of a file."""

    def write(self, group: str, name: str, content: bytes) -> None:
        """Write a file; processes may write the same one at the same time."""

    def remove(self, group: str, name: str) -> None:
        """Remove a file; one that is gone already is no error."""

    def shown(self, group: str, name: str) -> str:
        """The file, as a message prints it."""


class FolderEntries:
    """Files in a local folder, bounded in their total size.

    Args:
        folder: the folder; made by the first file.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._bounded = False

    def names(self, group: str) -> list[str]:
        """The files of a group, the newest first: their names begin with the time."""
        names = (file.name for file in (self._folder / group).glob(f"*{_SUFFIX}"))
        return sorted((name for name in names if name[0] != "."), reverse=True)

    def read(self, group: str, name: str) -> bytes:
        """The content of a file."""
        with (self._folder / group / name).open("rb") as file:
            return file.read(LARGEST_ENTRY + 1)

    def write(self, group: str, name: str, content: bytes) -> None:
        """Write a file, atomically."""
        folder = self._folder / group
        folder.mkdir(parents=True, exist_ok=True)
        replace_file(folder / name, content)
        if not self._bounded:  # once per process: the bound need not be exact
            self._bounded = True
            self._remove_oldest()

    def remove(self, group: str, name: str) -> None:
        """Remove a file."""
        (self._folder / group / name).unlink(missing_ok=True)

    def shown(self, group: str, name: str) -> str:
        """The path of a file."""
        return str(self._folder / group / name)

    def _remove_oldest(self) -> None:
        sizes: list[tuple[Path, int]] = []
        for group in self._folder.iterdir():
            if group.is_dir():
                remove_abandoned(group)
                for file in group.glob(f"*{_SUFFIX}"):
                    with suppress(OSError):
                        sizes.append((file, file.stat().st_size))
        kept = 0
        for file, size in sorted(sizes, key=lambda entry: _age(entry[0])):
            kept += size
            if kept > MOST_BYTES:
                with suppress(OSError):  # another process may have been faster
                    file.unlink()


def _age(file: Path) -> tuple[float, str]:
    """Smaller for newer files; of equal times, in the order of their names."""
    try:
        return (-file.stat().st_mtime, file.name)
    except OSError:
        return (0.0, file.name)


class UrlEntries:
    """Files below a URL; it is opened when first used.

    Args:
        url: `<protocol>://<path>`; credentials are never printed.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._opened: tuple[AbstractFileSystem, PurePosixPath] | None = None

    def names(self, group: str) -> list[str]:
        """The files of a group, the newest first: their names begin with the time."""
        files, root = self._open()
        try:
            files.invalidate_cache()  # others write here too
            paths = files.ls(address(root / group), detail=False)
        except FileNotFoundError:
            return []
        except Exception as error:
            raise self._error("read", error) from error
        names = (str(path).rstrip("/").rpartition("/")[2] for path in paths)
        return sorted((n for n in names if n.endswith(_SUFFIX) and n[0] != "."), reverse=True)

    def read(self, group: str, name: str) -> bytes:
        """The content of a file."""
        files, root = self._open()
        try:
            return bytes(files.cat_file(address(root / group / name)))
        except Exception as error:
            raise self._error("read", error) from error

    def write(self, group: str, name: str, content: bytes) -> None:
        """Write a file, in one step as far as the file system can."""
        files, root = self._open()
        try:
            replace_remote_file(files, address(root / group / name), content)
        except Exception as error:
            raise self._error("written", error) from error

    def remove(self, group: str, name: str) -> None:
        """Remove a file; who may write may not always remove, and need not."""
        files, root = self._open()
        with suppress(Exception):
            files.rm_file(address(root / group / name))

    def shown(self, group: str, name: str) -> str:
        """The URL of a file, without credentials."""
        return f"{without_credentials(self._url).rstrip('/')}/{group}/{name}"

    def _open(self) -> tuple[AbstractFileSystem, PurePosixPath]:
        if self._opened is None:
            self._opened = open_url(self._url)
        return self._opened

    def _error(self, done: str, error: Exception) -> StoreError:
        return StoreError(
            without_credentials(self._url),
            f"the cache cannot be {done}: {reason_of(error)}",
            "Check the URL and your credentials for it, or leave it out: --mlregress-no-cache",
        )


def entries_at(place: str) -> EntryStore:
    """The store at a place.

    Args:
        place: a folder or a URL.

    Returns:
        The store; nothing is read or made yet.
    """
    return UrlEntries(place) if "://" in place else FolderEntries(Path(place))
