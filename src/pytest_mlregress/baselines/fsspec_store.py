"""Baselines behind a URL that fsspec understands: S3, GCS, Azure, SSH, and many more."""

import secrets
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import NoReturn
from urllib.parse import unquote

from pytest_mlregress.baselines.artifact import Artifact
from pytest_mlregress.baselines.checked_read import artifact_in, bytes_of, refuse_large
from pytest_mlregress.baselines.errors import ArtifactError, ConflictError, StoreError
from pytest_mlregress.baselines.paths import SUFFIX, BaselineKey
from pytest_mlregress.baselines.remote_files import (
    REACH,
    TEMPORARY,
    OvertakenError,
    address,
    check_unchanged,
    digest,
    missing_bucket,
    open_url,
    reason_of,
    replace_remote_file,
    replace_unchanged_file,
)
from pytest_mlregress.baselines.urls import without_credentials

__all__ = ["RemoteStore", "open_url", "reason_of", "replace_remote_file"]


@dataclass(frozen=True, slots=True)
class _Seen:
    """What was there when this process looked first."""

    digest: bytes | None
    revision: str | None


class RemoteStore:
    """Baselines below a URL.

    Runs of several people write here. What a run replaces or deletes is what it has read: if
    another run was faster, that is an error, and nothing is overwritten.

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
        self._seen: dict[BaselineKey, _Seen] = {}
        self._silent: str | None = None

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
        text = self._bytes(key)
        if text is None:
            self._seen.setdefault(key, _Seen(None, None))
            return None
        artifact = artifact_in(text, key, source=self.describe(key))
        self._seen.setdefault(key, _Seen(digest(text), artifact.revision))
        return artifact

    def _bytes(self, key: BaselineKey) -> bytes | None:
        path = self._path(key)
        self._refuse_silent(key, "read")
        try:
            size = int(self._files.info(path)["size"] or 0)
        except FileNotFoundError:
            return None
        except Exception as error:
            self._fail(key, "read", error)
        refuse_large(size, source=self.describe(key))
        try:
            return bytes(self._files.cat_file(path))
        except FileNotFoundError:  # deleted since
            return None
        except Exception as error:
            self._fail(key, "read", error)

    def write(self, key: BaselineKey, artifact: Artifact) -> None:
        """Replace the baseline, unless it is no longer the one that this run has read.

        Args:
            key: the test and tier.
            artifact: the new baseline.

        Raises:
            ArtifactError: a check would refuse the file.
            ConflictError: another run has recorded it since; its baseline is untouched.
            StoreError: the URL cannot be written.
        """
        text = bytes_of(artifact, key, source=self.describe(key))
        if key not in self._seen:
            self.read(key)
        self._refuse_silent(key, "write")
        before = self._seen[key]
        try:
            replace_unchanged_file(self._files, self._path(key), text, before=before.digest)
        except OvertakenError:
            if self._bytes(key) != text:  # a repeated request meets what it has written itself
                self._conflict(key, "write", before.revision)
        except Exception as error:
            self._fail(key, "write", error)
        self._seen[key] = _Seen(digest(text), artifact.revision)

    def delete(self, key: BaselineKey) -> None:
        """Delete the baseline; one that does not exist is no error.

        Args:
            key: the test and tier.

        Raises:
            ConflictError: another run has recorded it since it was read.
            StoreError: the URL cannot be written.
        """
        self._refuse_silent(key, "delete")
        seen = self._seen.get(key)
        try:
            if seen is not None:
                check_unchanged(self._files, self._path(key), before=seen.digest)
            self._files.rm_file(self._path(key))
        except FileNotFoundError:
            pass
        except OvertakenError:
            self._conflict(key, "delete", seen.revision if seen is not None else None)
        except Exception as error:
            self._fail(key, "delete", error)
        self._seen.pop(key, None)

    def check_writable(self, directories: Iterable[PurePosixPath]) -> None:
        """Check whether the URL can be written.

        Args:
            directories: ignored: one URL holds the baselines of all of them.

        Raises:
            StoreError: it cannot.
        """
        probe = address(self._root / f".{secrets.token_hex(8)}{TEMPORARY}")
        try:
            self._refuse_missing_bucket()
            if not self._files.async_impl:
                self._files.makedirs(address(self._root), exist_ok=True)
            self._files.pipe_file(probe, b"")
        except StoreError:
            raise
        except Exception as error:
            raise StoreError(
                self._url(address(self._root)),
                f"cannot write baselines here: {reason_of(error)}",
                REACH,
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
            paths = self._files.find(address(self._root))
        except FileNotFoundError:
            paths = ()
        except Exception as error:
            raise StoreError(
                self._url(address(self._root)), f"cannot be listed: {reason_of(error)}", REACH
            ) from error
        if not paths:
            self._refuse_missing_bucket()
        if "://" in address(self._root):  # links of a page, in which special characters are quoted
            paths = map(unquote, paths)
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
        return address(self._root / key.directory / key.path)

    def _url(self, path: str) -> str:
        if "://" in path:
            return without_credentials(path)
        return f"{self._protocol}://{path.lstrip('/')}"

    def _refuse_missing_bucket(self) -> None:
        bucket = missing_bucket(self._files, self._protocol, self._root)
        if bucket is not None:
            raise StoreError(
                self._url(address(self._root)),
                f"there is no bucket {bucket!r}",
                "Create it, or correct the URL",
            )

    def _refuse_silent(self, key: BaselineKey, what: str) -> None:
        """A server that has let one request time out is not waited for again in this run."""
        if self._silent is not None:
            raise StoreError(
                self.describe(key),
                f"cannot {what} this baseline: the server did not answer before ({self._silent})",
                REACH,
            )

    def _conflict(self, key: BaselineKey, what: str, before: str | None) -> NoReturn:
        try:
            text = self._bytes(key)
            now = None if text is None else artifact_in(text, key, source=self.describe(key))
        except ArtifactError:
            raise ConflictError(self.describe(key), what, before, "no baseline at all") from None
        raise ConflictError(self.describe(key), what, before, None if now is None else _words(now))

    def _fail(self, key: BaselineKey, what: str, error: Exception) -> NoReturn:
        if "Timeout" in type(error).__name__:
            self._silent = reason_of(error)
        raise StoreError(
            self.describe(key), f"cannot {what} this baseline: {reason_of(error)}", REACH
        ) from error


def _words(artifact: Artifact) -> str:
    recorded = artifact.provenance
    commit = f" at commit {recorded.named_commit[:7]}" if recorded.named_commit else ""
    return f"revision {artifact.revision}, recorded {recorded.time}{commit}"
