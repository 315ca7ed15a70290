"""Baselines behind a URL that fsspec understands: S3, GCS, Azure, SSH, and many more."""

import secrets
from collections.abc import Iterable, Sequence
from contextlib import suppress
from difflib import get_close_matches
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Final, NoReturn

from pytest_mlregress.baselines.artifact import Artifact
from pytest_mlregress.baselines.checked_read import artifact_in, bytes_of, refuse_large
from pytest_mlregress.baselines.errors import StoreError
from pytest_mlregress.baselines.paths import SUFFIX, BaselineKey
from pytest_mlregress.baselines.urls import without_credentials

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem

__all__ = ["RemoteStore", "open_url", "reason_of", "replace_remote_file"]

_TEMPORARY: Final = ".mlregress-tmp"
_INSTALL: Final = "Install it with: pip install 'pytest-mlregress[remote]'"
_REACH: Final = "Check the URL, your credentials for it and the network, then run again"


class RemoteStore:
    """Baselines below a URL.

    Args:
        url: `<protocol>://<path>`; credentials come from where the protocol's package looks for
            them, and are never printed.

    Raises:
        StoreError: fsspec or the protocol's package is missing, or the URL is invalid.
    """

    writable = True

    def __init__(self, url: str) -> None:
        self._files, self._root = open_url(url)
        self._protocol, _, _ = url.partition("://")

    def read(self, key: BaselineKey) -> Artifact | None:
        """The baseline, None if there is none.

        Args:
            key: the test and tier.

        Returns:
            The artifact.

        Raises:
            ArtifactError: the file is not the baseline of this test and tier.
            StoreError: the URL cannot be read.
        """
        path = self._path(key)
        try:
            size = int(self._files.info(path)["size"] or 0)
        except FileNotFoundError:
            return None
        except Exception as error:
            self._fail(key, "read", error)
        refuse_large(size, source=self.describe(key))
        try:
            text = self._files.cat_file(path)
        except FileNotFoundError:  # deleted since
            return None
        except Exception as error:
            self._fail(key, "read", error)
        return artifact_in(text, key, source=self.describe(key))

    def write(self, key: BaselineKey, artifact: Artifact) -> None:
        """Replace the baseline.

        Args:
            key: the test and tier.
            artifact: the new baseline.

        Raises:
            ArtifactError: a check would refuse the file.
            StoreError: the URL cannot be written.
        """
        text = bytes_of(artifact, key, source=self.describe(key))
        path = self._path(key)
        try:
            replace_remote_file(self._files, path, text)
        except Exception as error:
            self._fail(key, "write", error)

    def delete(self, key: BaselineKey) -> None:
        """Delete the baseline; one that does not exist is no error.

        Args:
            key: the test and tier.

        Raises:
            StoreError: the URL cannot be written.
        """
        try:
            self._files.rm_file(self._path(key))
        except FileNotFoundError:
            return
        except Exception as error:
            self._fail(key, "delete", error)

    def check_writable(self, directories: Iterable[PurePosixPath]) -> None:
        """Check whether the URL can be written.

        Args:
            directories: ignored: one URL holds the baselines of all of them.

        Raises:
            StoreError: it cannot.
        """
        probe = str(self._root / f".{secrets.token_hex(8)}{_TEMPORARY}")
        try:
            if not self._files.async_impl:
                self._files.makedirs(str(self._root), exist_ok=True)
            self._files.pipe_file(probe, b"")
        except Exception as error:
            raise StoreError(
                self._url(str(self._root)),
                f"cannot write baselines here: {reason_of(error)}",
                _REACH,
            ) from error
        with suppress(Exception):  # who may write may not always delete, and an update need not
            self._files.rm_file(probe)

    def list(self) -> tuple[BaselineKey, ...]:
        """Every baseline below the URL, sorted.

        Raises:
            StoreError: the URL cannot be read.
        """
        try:
            self._files.invalidate_cache()  # others write here too
            paths = self._files.find(str(self._root))
        except FileNotFoundError:
            return ()
        except Exception as error:
            raise StoreError(
                self._url(str(self._root)), f"cannot be listed: {reason_of(error)}", _REACH
            ) from error
        inside = (PurePosixPath(path).relative_to(self._root) for path in paths)
        return tuple(
            sorted(
                BaselineKey(path.parent.parent, PurePosixPath(*path.parts[-2:]))
                for path in inside
                if len(path.parts) >= 2 and path.suffix == SUFFIX and path.name[0] != "."
            )
        )

    def describe(self, key: BaselineKey) -> str:
        """The URL of the baseline, without credentials.

        Args:
            key: the test and tier.

        Returns:
            The URL, as a message prints it.
        """
        return self._url(self._path(key))

    def _path(self, key: BaselineKey) -> str:
        return str(self._root / key.directory / key.path)

    def _url(self, path: str) -> str:
        return f"{self._protocol}://{path.lstrip('/')}"

    def _fail(self, key: BaselineKey, what: str, error: Exception) -> NoReturn:
        raise StoreError(
            self.describe(key), f"cannot {what} this baseline: {reason_of(error)}", _REACH
        ) from error


def open_url(url: str) -> tuple["AbstractFileSystem", PurePosixPath]:
    """The file system and the folder behind a URL.

    Args:
        url: `<protocol>://<path>`.

    Returns:
        Both.

    Raises:
        StoreError: fsspec or the protocol's package is missing, or the URL is invalid.
    """
    place = without_credentials(url)
    try:
        from fsspec import available_protocols
        from fsspec.core import url_to_fs
    except ImportError as error:
        raise StoreError(place, "URLs need fsspec", _INSTALL) from error
    try:
        files, root = url_to_fs(url)
    except ImportError as error:  # fsspec names the package, such as s3fs
        raise StoreError(place, without_credentials(str(error)), "Install that package") from error
    except Exception as error:  # each protocol has its own, from ValueError to network errors
        _, named, unknown = str(error).partition("Protocol not known: ")
        if named:
            raise _unknown_protocol(place, unknown, available_protocols()) from error
        raise StoreError(place, reason_of(error), _REACH) from error
    return files, PurePosixPath(root)


def replace_remote_file(files: "AbstractFileSystem", path: str, text: bytes) -> None:
    """Write a file in one step, as far as the file system can.

    An object store (these are fsspec's asynchronous file systems) shows an object when it is
    complete; elsewhere, as over SSH, a file is written under another name and then moved.

    Args:
        files: the file system.
        path: the file.
        text: its new content.
    """
    if files.async_impl:
        files.pipe_file(path, text)
        return
    files.makedirs(str(PurePosixPath(path).parent), exist_ok=True)
    temporary = str(PurePosixPath(path).with_name(f".{secrets.token_hex(8)}{_TEMPORARY}"))
    try:
        files.pipe_file(temporary, text)
        files.mv(temporary, path)
    except BaseException:
        if files.exists(temporary):
            files.rm_file(temporary)
        raise


def _unknown_protocol(place: str, unknown: str, known: Sequence[str]) -> StoreError:
    close = get_close_matches(unknown, known, n=1, cutoff=0.5)  # s4 is half of s3
    remedy = (
        f"Did you mean {close[0]}://?"
        if close
        else "Use a folder, git:REF, or a protocol of fsspec such as s3://, gs://, az:// or sftp://"
    )
    return StoreError(place, f"fsspec knows no protocol {unknown!r}", remedy)


def reason_of(error: Exception) -> str:
    """The error in one line, without the URL of a request, which may hold a token.

    Args:
        error: the error.

    Returns:
        The line.
    """
    return without_credentials(f"{type(error).__name__}: {error}")
