"""A thread that writes to pytest's terminal now and then, while pytest itself goes on to write.

It writes to a copy of the terminal's file descriptor, since pytest captures the descriptor itself
while a test runs, and holds a lock that pytest's own writing takes, too.
"""

from __future__ import annotations

import os
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final, TextIO

from pytest_mlregress import _compat

_AFTER_OTHERS_S: Final = 0.05
"""What pytest has wiped out is drawn again after so long, since more of its writing may follow."""


class ProgressWriter(ABC):
    """Writes again and again until it is closed; nothing in it raises.

    Args:
        reporter: pytest's terminal reporter.
        every: seconds from one writing to the next.
    """

    def __init__(self, reporter: Any, every: float) -> None:
        self._every = every
        self._lock = threading.RLock()
        self._held = False
        self._over = threading.Event()
        self._wake = threading.Event()
        self._file = _compat.WatchedFile(reporter, self._around_writing)
        self._stream, self._is_copy = _copy_of(self._file)
        self._thread: threading.Thread | None = None
        self._start_thread()
        _open_writers.append(self)

    @abstractmethod
    def _write(self) -> None:
        """Write what there is to tell."""

    @abstractmethod
    def _make_room(self) -> None:
        """Leave the cursor where pytest expects it."""

    def tick(self) -> None:
        """Write once; an error ends the writing, not the run."""
        with self._lock:
            if self._held or self._over.is_set():
                return
            try:
                self._write()
                self._stream.flush()
            except Exception:
                self._over.set()
                with suppress(Exception):
                    self._make_room()

    def hold(self, held: bool) -> None:
        """Leave the terminal to somebody else.

        Args:
            held: whether it is needed.
        """
        with self._lock:
            self._held = held
            with suppress(Exception):
                self._make_room()

    def close(self) -> None:
        """Write no more, and give pytest its terminal back."""
        self._over.set()
        self._end_thread()
        with self._lock:
            with suppress(Exception):
                self._make_room()
            self._file.restore()
            if self._is_copy:
                with suppress(OSError):
                    self._stream.close()
        if self in _open_writers:
            _open_writers.remove(self)

    def before_fork(self) -> None:
        """End the thread: Python warns of a fork beside one, and warnings may be errors."""
        self._end_thread()
        self._lock.acquire()

    def after_fork(self, *, in_child: bool) -> None:
        """Go on in the parent; a child writes nothing.

        Args:
            in_child: whether this is the new process.
        """
        if in_child:
            self._over.set()
        self._lock.release()
        if not self._over.is_set():
            self._start_thread()

    def _start_thread(self) -> None:
        self._pause = threading.Event()
        self._wake.clear()
        self._thread = threading.Thread(
            target=self._run, args=(self._pause,), name="mlregress-progress", daemon=True
        )
        self._thread.start()

    def _end_thread(self) -> None:
        thread, self._thread = self._thread, None
        if thread is not None and thread is not threading.current_thread():
            self._pause.set()
            self._wake.set()
            thread.join()

    def _run(self, pause: threading.Event) -> None:
        while not (pause.is_set() or self._over.is_set()):
            if self._wake.wait(self._every):
                self._wake.clear()
                pause.wait(_AFTER_OTHERS_S)
            if not pause.is_set():
                self.tick()

    @contextmanager
    def _around_writing(self) -> Iterator[None]:
        with self._lock:
            if not self._over.is_set():
                with suppress(Exception):
                    self._make_room()
            yield


def _copy_of(file: _compat.WatchedFile) -> tuple[TextIO, bool]:
    """A stream to the same place, and whether it has a descriptor of its own."""
    try:
        copy = os.dup(file.fileno())
    except (OSError, ValueError, AttributeError):  # no real file
        return file.unwatched, False
    return os.fdopen(copy, "w", encoding=file.encoding or "utf-8", errors="replace"), True


_open_writers: list[ProgressWriter] = []


def _before_fork() -> None:
    for writer in _open_writers:
        writer.before_fork()


def _after_fork(*, in_child: bool) -> None:
    for writer in reversed(_open_writers):
        writer.after_fork(in_child=in_child)
    if in_child:
        _open_writers.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork,
        after_in_parent=lambda: _after_fork(in_child=False),
        after_in_child=lambda: _after_fork(in_child=True),
    )
