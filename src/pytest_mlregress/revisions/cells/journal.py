"""What a command has trained so far, on disk: it goes on after a kill or Ctrl-C.

A file of JSON lines per question. Its first line is the question itself; each further one a seed,
written and synced before the next is trained. A line that a kill has cut off is dropped.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from pytest_mlregress import __version__
from pytest_mlregress.baselines.atomic import replace_file
from pytest_mlregress.revisions.command_error import CommandError

_DIGITS: Final = 16


class Journal:
    """The seeds of one question that have been trained.

    Args:
        path: the file; None to keep nothing.
        question: everything that makes two invocations the same.
        entries: what the file holds already.
    """

    def __init__(
        self, path: Path | None, question: str, entries: dict[str, Mapping[str, Any]], lock: Any
    ) -> None:
        self._path = path
        self._question = question
        self._entries = entries
        self._lock = lock
        self.resumed = len(entries)

    @classmethod
    def open(
        cls, folder: Path | None, question: Mapping[str, Any], *, fresh: bool = False
    ) -> Journal:
        """The journal of a question, with what an interrupted run has left.

        Args:
            folder: where journals are kept; None where nothing can be.
            question: what is asked, as JSON can hold it: the command, refs, test, settings.
            fresh: whether to begin anew.

        Returns:
            The journal, locked until `close`.

        Raises:
            CommandError: the same command is running already.
        """
        text = json.dumps({**question, "plugin": __version__}, sort_keys=True, default=str)
        if folder is None:
            return cls(None, text, {}, None)
        path = folder / f"{_name(text)}.jsonl"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lock = _locked(path)
        except OSError:  # a folder that cannot be written: the command works without
            return cls(None, text, {}, None)
        if fresh:
            path.unlink(missing_ok=True)
        journal = cls(path, text, _entries(path, text), lock)
        journal._rewrite()
        return journal

    @property
    def kept(self) -> int:
        """How many seeds it holds."""
        return len(self._entries)

    def get(self, key: str) -> Mapping[str, Any] | None:
        """What was kept under a key.

        Args:
            key: which seed, at which state of the code.

        Returns:
            The record; None where there is none.
        """
        return self._entries.get(key)

    def put(self, key: str, record: Mapping[str, Any]) -> None:
        """Keep a record; it is on disk when this returns.

        A disk that is full costs the journal, not the run.

        Args:
            key: which seed, at which state of the code.
            record: plain builtins.
        """
        self._entries[key] = record
        if self._path is None:
            return
        try:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps([key, record]) + "\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError:
            self._path = None

    def finish(self) -> None:
        """The question is answered: forget its seeds."""
        if self._path is not None:
            with suppress(OSError):
                self._path.unlink(missing_ok=True)
        self.close()

    def close(self) -> None:
        """Give the journal back, to be gone on with."""
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def _rewrite(self) -> None:
        """Begin the file anew with what is whole in it, so that no torn line stays inside."""
        assert self._path is not None
        lines = [self._question, *(json.dumps(entry) for entry in self._entries.items())]
        try:
            replace_file(self._path, ("\n".join(lines) + "\n").encode("utf-8"))
        except OSError:
            self._path = None


def _name(question: str) -> str:
    return hashlib.sha256(question.encode()).hexdigest()[:_DIGITS]


def _locked(path: Path) -> Any:
    from filelock import FileLock, Timeout

    lock = FileLock(f"{path}.lock", timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise CommandError(
            "the same command is running already; wait for it, or stop it and run this again: it "
            "goes on where that one was"
        ) from None
    return lock


def _entries(path: Path, question: str) -> dict[str, Mapping[str, Any]]:
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return {}
    if not lines or lines[0] != question:
        return {}
    entries: dict[str, Mapping[str, Any]] = {}
    for line in lines[1:]:
        try:
            key, record = json.loads(line)
        except ValueError:
            continue
        entries[key] = record
    return entries
