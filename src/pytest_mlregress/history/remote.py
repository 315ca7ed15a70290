"""A history at a URL: one small object per run, written once and never changed.

Two runs never write the same object, so that nothing is lost however many end at once, on any
store, without locks or conditions. To read, the objects that a local database does not have yet are
fetched into it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from pytest_mlregress.baselines.errors import StoreError
from pytest_mlregress.baselines.fsspec_store import open_url, reason_of, replace_remote_file
from pytest_mlregress.baselines.remote_files import address
from pytest_mlregress.baselines.urls import without_credentials
from pytest_mlregress.history.database import Database
from pytest_mlregress.history.documents import DocumentError, dumps, loads
from pytest_mlregress.history.errors import HistoryError
from pytest_mlregress.history.ignored_folder import ignore_folder
from pytest_mlregress.history.records import RunRecord

__all__ = ["RemoteHistory"]

_FOLDER: Final = "runs"
_SUFFIX: Final = ".jsonl"
_AT_ONCE: Final = 200
"""Objects that are fetched before they are written down, so that an interruption loses little."""


class RemoteHistory:
    """The runs below a URL.

    Args:
        url: `<protocol>://<path>`, for the file systems of fsspec.
        folder: where the local copy is kept.
    """

    def __init__(self, url: str, folder: Path) -> None:
        self._url = url
        self.place = without_credentials(url)
        digest = hashlib.sha256(self.place.encode()).hexdigest()[:12]
        self._local = Database(folder / f"copy-{digest}.sqlite")
        self._folder = folder
        self._fetched = False

    def append(self, runs: Iterable[RunRecord]) -> int:
        """Write one object per run.

        Args:
            runs: the runs.

        Returns:
            How many were written.

        Raises:
            HistoryError: the URL cannot be written.
        """
        try:
            files, root = open_url(self._url)
            written = 0
            for run in runs:
                path = root / _FOLDER / _name(run)
                replace_remote_file(files, address(path), dumps(run).encode())
                written += 1
        except Exception as error:
            raise self._failed("written", error) from error
        return written

    def read(self, *, test: str | None = None, since: str | None = None) -> tuple[RunRecord, ...]:
        """The runs, oldest first, after a look at what others have added.

        Args:
            test: only tests whose node id contains this text; None for all.
            since: only runs that began at this time (ISO 8601, UTC) or later; None for all.

        Returns:
            The runs.

        Raises:
            HistoryError: the URL cannot be read, or the local copy not be used.
        """
        self._fetch()
        return self._local.read(test=test, since=since)

    def baseline(self, revision: str) -> Any:
        """The document of a baseline that runs were judged by.

        Args:
            revision: its revision.

        Returns:
            Builtins; None where it is not there.

        Raises:
            HistoryError: the URL cannot be read, or the local copy not be used.
        """
        self._fetch()
        return self._local.baseline(revision)

    def _fetch(self) -> None:
        """Bring the objects that the local copy lacks into it."""
        if self._fetched:
            return
        ignore_folder(self._folder)
        known = self._local.ids()
        try:
            files, root = open_url(self._url)
            files.invalidate_cache()  # others write here too
            try:
                paths = files.find(address(root / _FOLDER))
            except FileNotFoundError:
                paths = []
        except Exception as error:
            raise self._failed("read", error) from error
        missing = [path for path in sorted(paths) if _is_missing(path, known)]
        for start in range(0, len(missing), _AT_ONCE):
            self._local.append(
                self._object(files, path) for path in missing[start : start + _AT_ONCE]
            )
        self._fetched = True

    def _object(self, files: Any, path: str) -> RunRecord:
        try:
            text = files.cat_file(path).decode("utf-8")
        except Exception as error:
            raise self._failed("read", error) from error
        try:
            return loads(text)
        except DocumentError as error:
            raise HistoryError(
                f"{self.place.rstrip('/')}/{_FOLDER}/{Path(path).name}",
                str(error),
                "Delete the object, or move it away",
            ) from None

    def _failed(self, what: str, error: Exception) -> HistoryError:
        if isinstance(error, StoreError):
            return HistoryError(self.place, error.problem, error.remedy)
        return HistoryError(
            self.place,
            f"cannot be {what}: {reason_of(error)}",
            "Check the URL, your credentials for it and the network",
        )


def _name(run: RunRecord) -> str:
    """Sorted by time; the id makes it unique."""
    digits = "".join(character for character in run.time if character.isdigit())
    return f"{digits}-{run.id}{_SUFFIX}"


def _is_missing(path: str, known: frozenset[str]) -> bool:
    name = path.rsplit("/", 1)[-1]
    if not name.endswith(_SUFFIX) or name.startswith("."):
        return False
    return name.removesuffix(_SUFFIX).rpartition("-")[2] not in known
