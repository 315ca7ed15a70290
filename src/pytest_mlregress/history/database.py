"""The database of past runs: one SQLite file that many processes may append to at once.

A run is one transaction, so that a process that is killed leaves all of it or nothing. The journal
is a write-ahead log where the file system allows that: readers then never wait for writers. It
needs memory that processes share, which network file systems do not have: there it is a rollback
journal.
"""

from __future__ import annotations

import shlex
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, Final, TypeVar

from pytest_mlregress.history.errors import HistoryError
from pytest_mlregress.history.records import RunRecord
from pytest_mlregress.history.rows import insert_run, read_baseline, read_runs
from pytest_mlregress.history.schema import APPLICATION_ID, MIGRATIONS, migrate

__all__ = ["BUSY_TIMEOUT_S", "Database"]

BUSY_TIMEOUT_S: Final = 2.0
"""How long a run waits for others that write."""

_RETRY_S: Final = 0.02
_T = TypeVar("_T")


class Database:
    """The runs in one file.

    Args:
        path: the file.
        busy_timeout_s: how long to wait for other processes.
    """

    def __init__(self, path: Path, *, busy_timeout_s: float = BUSY_TIMEOUT_S) -> None:
        self._path = path
        self._busy_timeout_s = busy_timeout_s

    @property
    def place(self) -> str:
        """The file, as a message prints it."""
        return str(self._path)

    def append(self, runs: Iterable[RunRecord]) -> int:
        """Add runs, all of them or, after an error, none; those that it has are left alone.

        Args:
            runs: the runs.

        Returns:
            How many were added.

        Raises:
            HistoryError: the file cannot be written, is locked, or is no history.
        """
        runs = tuple(runs)
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise self._unwritable(error.strerror or str(error)) from None
        return self._guarded(lambda: self._append(runs))

    def read(self, *, test: str | None = None, since: str | None = None) -> tuple[RunRecord, ...]:
        """The runs, oldest first.

        Args:
            test: only tests whose node id contains this text; None for all.
            since: only runs that began at this time (ISO 8601, UTC) or later; None for all.

        Returns:
            The runs; none where there is no file.

        Raises:
            HistoryError: the file cannot be read, or is no history.
        """
        return self._reading(lambda found: read_runs(found, test=test, since=since), ())

    def baseline(self, revision: str) -> Any:
        """The document of a baseline that runs were judged by.

        Args:
            revision: its revision.

        Returns:
            Builtins; None where it is not there.

        Raises:
            HistoryError: the file cannot be read, or is no history.
        """
        return self._reading(lambda found: read_baseline(found, revision), None)

    def ids(self) -> frozenset[str]:
        """The ids of all runs.

        Raises:
            HistoryError: the file cannot be read, or is no history.
        """
        return self._reading(
            lambda found: frozenset(row[0] for row in found.execute("SELECT id FROM runs")),
            frozenset(),
        )

    def _append(self, runs: tuple[RunRecord, ...]) -> int:
        with self._connected(f"{self._path.absolute().as_uri()}?mode=rwc") as connection:
            _set_journal(connection)
            connection.execute("BEGIN IMMEDIATE")
            try:
                version = self._version(connection)
                if version < len(MIGRATIONS):
                    migrate(connection, version)
                added = sum(insert_run(connection, run) for run in runs)
                connection.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):
                    connection.execute("ROLLBACK")
                raise
        return added

    def _reading(self, read: Callable[[sqlite3.Connection], _T], nothing: _T) -> _T:
        if not self._path.exists():
            return nothing
        return self._guarded(lambda: self._read(read, nothing))

    def _read(self, read: Callable[[sqlite3.Connection], _T], nothing: _T) -> _T:
        uri = self._path.absolute().as_uri()
        for mode in ("mode=ro", "mode=ro&immutable=1"):  # a folder without write access has no log
            try:
                with self._connected(f"{uri}?{mode}") as connection:
                    version = self._version(connection)
                    if version == 0:
                        return nothing
                    if version < len(MIGRATIONS):
                        break
                    return read(connection)
            except sqlite3.OperationalError as error:
                if "immutable" in mode or "locked" in str(error):
                    raise
        self._append(())  # of an older version
        return self._read(read, nothing)

    @contextmanager
    def _connected(self, uri: str) -> Iterator[sqlite3.Connection]:
        with closing(
            sqlite3.connect(uri, uri=True, timeout=self._busy_timeout_s, isolation_level=None)
        ) as connection:
            yield connection

    def _version(self, connection: sqlite3.Connection) -> int:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        (owner,) = connection.execute("PRAGMA application_id").fetchone()
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if owner != APPLICATION_ID and (tables or version):
            raise HistoryError(
                self.place,
                "is a database of another program",
                "Name another file with --mlregress-history=PATH",
            )
        if version > len(MIGRATIONS):
            raise HistoryError(
                self.place,
                f"has schema {version}, and this version of pytest-mlregress knows up to "
                f"{len(MIGRATIONS)}",
                "Upgrade pytest-mlregress, or name another file with --mlregress-history=PATH",
            )
        return int(version)

    def _guarded(self, action: Callable[[], _T]) -> _T:
        """An action on the database, repeated while another process is in the way."""
        until = time.monotonic() + self._busy_timeout_s
        while True:
            try:
                return action()
            except sqlite3.OperationalError as error:
                said = str(error)
                if "locked" not in said and "busy" not in said:
                    raise self._unwritable(said) from None
                if time.monotonic() >= until:
                    raise HistoryError(
                        self.place,
                        f"is locked by another process; waited {self._busy_timeout_s:g} s",
                        "See which process has it open (lsof), or name another file with "
                        "--mlregress-history=PATH",
                    ) from None
                time.sleep(_RETRY_S)
            except sqlite3.DatabaseError as error:
                raise HistoryError(
                    self.place,
                    f"is damaged ({error})",
                    f"Move it away, and the next run begins a new one: mv "
                    f"{shlex.quote(self.place)} {shlex.quote(self.place + '.damaged')}",
                ) from None

    def _unwritable(self, why: str) -> HistoryError:
        return HistoryError(
            self.place,
            f"cannot be used: {why}",
            "Make its folder writable, name another file with --mlregress-history=PATH, or keep "
            "no history with --mlregress-history=off",
        )


def _set_journal(connection: sqlite3.Connection) -> None:
    """A write-ahead log where the file system has what it needs, else a rollback journal."""
    if connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal":
        mode = "wal"
    else:
        try:
            (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
        except sqlite3.OperationalError as error:
            if "locked" in str(error) or "readonly" in str(error):
                raise
            (mode,) = connection.execute("PRAGMA journal_mode = DELETE").fetchone()
    # With a log, a power cut may lose the last runs and never the file.
    connection.execute(f"PRAGMA synchronous = {'NORMAL' if mode == 'wal' else 'FULL'}")
    connection.execute("PRAGMA foreign_keys = ON")
