"""Baselines in local folders, written so that a kill leaves the old or the new file."""

import errno
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Final, Literal

from pytest_mlregress.baselines.artifact import Artifact
from pytest_mlregress.baselines.atomic import check_replaceable, remove_abandoned, replace_file
from pytest_mlregress.baselines.checked_read import artifact_in, bytes_of, refuse_large
from pytest_mlregress.baselines.errors import StoreError
from pytest_mlregress.baselines.paths import FOLDER, SUFFIX, BaselineKey

__all__ = ["FolderStore"]

# What pytest's `norecursedirs` leaves out, and what holds no test file.
_PRUNED: Final = frozenset({"build", "dist", "node_modules", "site-packages", "venv"})
_REMEDIES: Final = {
    errno.ENOSPC: "Free space on this disk and run again",
    errno.EDQUOT: "Free space in your quota and run again",
    errno.EFBIG: "Raise the limit on the size of files (ulimit -f) and run again",
    errno.EACCES: "Make it accessible to you, or keep baselines elsewhere: --mlregress-baseline",
    errno.EPERM: "Make it accessible to you, or keep baselines elsewhere: --mlregress-baseline",
    errno.EROFS: "Mount it writable, or keep baselines elsewhere: --mlregress-baseline",
    errno.ENOTDIR: "Move away the file that stands where a folder is needed",
    errno.EEXIST: "Move away the file that stands where a folder is needed",
    errno.EISDIR: "Move away the folder that stands where the file is needed",
    errno.ENAMETOOLONG: "Keep baselines below a shorter path: --mlregress-baseline",
}


class FolderStore:
    """Baselines as files below a folder.

    Args:
        root: pytest's rootdir if `beside_tests`, otherwise the folder that was named.
        beside_tests: whether the files are in a `__baselines__` folder beside each test file, or
            all below `root`.
    """

    writable = True

    def __init__(self, root: Path, *, beside_tests: bool) -> None:
        self._root = root
        self._beside_tests = beside_tests
        self._withins: dict[PurePosixPath, Path] = {}

    def read(self, key: BaselineKey) -> Artifact | None:
        """The baseline, None if there is none.

        Args:
            key: the test and tier.

        Returns:
            The artifact.

        Raises:
            ArtifactError: the file is not the baseline of this test and tier.
            StoreError: the file cannot be read.
        """
        folder = self._folder(key)
        try:
            folder.lstat()
        except FileNotFoundError:  # so that no link is followed for a suite without baselines
            return None
        except OSError:
            pass  # said of the file
        path = self._path(key)
        try:
            with _regular_file(path) as file:
                refuse_large(os.fstat(file.fileno()).st_size, source=str(path))
                text = file.read()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise _unusable(path, "read", error) from error
        return artifact_in(text, key, source=str(path))

    def write(self, key: BaselineKey, artifact: Artifact) -> None:
        """Replace the baseline: whatever happens, the whole old or the whole new file is there.

        Args:
            key: the test and tier.
            artifact: the new baseline.

        Raises:
            ArtifactError: a check would refuse the file.
            StoreError: the file cannot be written; the old one is untouched.
        """
        path = self._path(key)
        text = bytes_of(artifact, key, source=str(path))
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            remove_abandoned(path.parent)
            replace_file(path, text)
        except OSError as error:
            raise _unusable(path, "write", error) from error

    def delete(self, key: BaselineKey) -> None:
        """Delete the baseline, and the folders that it leaves empty.

        Args:
            key: the test and tier.

        Raises:
            StoreError: the file cannot be deleted.
        """
        path = self._path(key)
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise _unusable(path, "delete", error) from error
        with suppress(OSError):  # not empty, or not ours to remove: either way it may stay
            path.parent.rmdir()
            if self._beside_tests:
                path.parent.parent.rmdir()

    def check_writable(self, directories: Iterable[PurePosixPath]) -> None:
        """Check whether the folders for the tests in those directories can be written.

        Args:
            directories: directories of test files, relative to the rootdir.

        Raises:
            StoreError: one of them cannot.
        """
        within = [self._root / directory / FOLDER for directory in directories]
        for folder in within if self._beside_tests else [self._root]:
            try:
                check_replaceable(folder / "baseline")
            except OSError as error:
                raise StoreError(
                    str(folder),
                    f"cannot write baselines here: {_reason(error)}",
                    _remedy(error),
                ) from error

    def list(self) -> tuple[BaselineKey, ...]:
        """Every baseline below the folder, sorted; none if the folder does not exist.

        Raises:
            StoreError: the folder that was named cannot be listed.
        """
        if not self._beside_tests:
            self._check_listable()
        return tuple(sorted(self._keys()))

    def _check_listable(self) -> None:
        """`os.walk` skips what it cannot list, as it should beside tests."""
        try:
            os.scandir(self._root).close()
        except FileNotFoundError:
            return
        except OSError as error:
            raise StoreError(
                str(self._root), f"cannot list this folder: {_reason(error)}", _remedy(error)
            ) from error

    def describe(self, key: BaselineKey) -> str:
        """The file of the baseline.

        Args:
            key: the test and tier.

        Returns:
            The path, as a message prints it.
        """
        return str(self._folder(key) / key.path)

    def _folder(self, key: BaselineKey) -> Path:
        return self._root / key.directory / (FOLDER if self._beside_tests else "")

    def _within(self, directory: PurePosixPath) -> Path:
        """The folder that the baselines of a folder of tests must not leave.

        Test folders may be links, since pytest follows them; baseline folders may not.
        """
        if directory not in self._withins:
            root = self._root
            self._withins[directory] = (
                (root / directory).resolve() / FOLDER if self._beside_tests else root.resolve()
            )
        return self._withins[directory]

    def _path(self, key: BaselineKey) -> Path:
        """The file of a baseline, which no symbolic link may lead out of its folder."""
        path = self._folder(key) / key.path
        within = self._within(key.directory)
        try:
            target = path.resolve()
        except (OSError, RuntimeError) as error:  # RuntimeError: a circle of links, before 3.13
            raise StoreError(
                str(path), f"cannot follow its links: {error}", "Remove them"
            ) from error
        if not target.is_relative_to(within):
            raise StoreError(
                str(path),
                f"a symbolic link leads out of {within}, to {target}",
                "Remove the link, or name the folder behind it with --mlregress-baseline",
            )
        return path

    def _keys(self) -> Iterator[BaselineKey]:
        for folder, subfolders, names in os.walk(self._root):
            inside = PurePosixPath(Path(folder).relative_to(self._root).as_posix())
            subfolders[:] = [name for name in subfolders if self._may_hold(folder, name)]
            directory = _directory_of(inside, beside_tests=self._beside_tests)
            if directory is not None:
                for name in names:
                    if name.endswith(SUFFIX) and not name.startswith("."):
                        yield BaselineKey(directory, PurePosixPath(inside.name) / name)

    def _may_hold(self, folder: str, name: str) -> bool:
        if not self._beside_tests:
            return not name.startswith(".")
        return not (
            name.startswith(".")
            or name in _PRUNED
            or name == "__pycache__"
            or Path(folder, name, "pyvenv.cfg").exists()
            or Path(folder, name, ".git").exists()  # another project: a clone or a submodule
        )


def _regular_file(path: Path) -> BinaryIO:
    """Open a file for reading without following a link or blocking on a pipe.

    Raises:
        OSError: it cannot be opened.
        StoreError: it is a link, a pipe, a socket or a device.
    """
    mode = path.lstat().st_mode
    kind = next((name for is_kind, name in _KINDS if is_kind(mode)), None)
    if kind is not None:
        raise StoreError(
            str(path),
            f"it is {kind}, a baseline is a plain file",
            "Remove it and restore the file from version control, or record the baseline again "
            "with --mlregress-update",
        )
    # If something else takes its place in between, it is neither followed nor waited for.
    careful = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    flags = os.O_RDONLY | getattr(os, "O_BINARY", 0) | careful
    return os.fdopen(os.open(path, flags), "rb")


_KINDS: Final = (
    (stat.S_ISLNK, "a symbolic link"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def _directory_of(inside: PurePosixPath, *, beside_tests: bool) -> PurePosixPath | None:
    """The directory of the tests whose baselines a folder holds, None if it holds none."""
    if not inside.parts:
        return None
    if not beside_tests:
        return inside.parent
    return inside.parent.parent if inside.parent.name == FOLDER else None


def _unusable(path: Path, what: Literal["read", "write", "delete"], error: OSError) -> StoreError:
    kept = "; what was there before is untouched" if what != "read" else ""
    return StoreError(
        str(path), f"cannot {what} this baseline: {_reason(error)}{kept}", _remedy(error)
    )


def _reason(error: OSError) -> str:
    return error.strerror or type(error).__name__


def _remedy(error: OSError) -> str:
    return _REMEDIES.get(error.errno or 0, "Check the path and its disk, then run again")
