"""Whether the process that hands out the items is there, by a file that it keeps changing."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from pytest_mlregress.engines.messages import ConnectionLost

EVERY_S: Final = 5.0
"""So often the file changes, and is looked at."""

LOOKS: Final = 24
"""Whoever has found it unchanged so many times takes that process to be gone: two minutes."""


class LifeSign:
    """Changes the file while this process lives.

    Args:
        file: the file, in a folder that exists.

    Attributes:
        file: the file.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._give, name="mlregress-life-sign", daemon=True)

    def start(self) -> None:
        """Begin."""
        self.file.write_bytes(b"0")
        self._thread.start()

    def stop(self) -> None:
        """End."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()

    def _give(self) -> None:
        count = 0
        while not self._over.wait(EVERY_S):
            count += 1
            with suppress(OSError):
                self.file.write_bytes(b"%d" % count)


class LifeSignWatch:
    """Looks at the file of another process.

    Looks are counted, not seconds, since clocks of machines differ, and since a file system that
    hangs for minutes stops the process that looks as well as the one that writes.

    Args:
        file: the file.
        every_s: how often to look.
        looks: how many times it may be found unchanged.
    """

    def __init__(self, file: Path, every_s: float = EVERY_S, looks: int = LOOKS) -> None:
        self._file = file
        self._every_s = every_s
        self._looks = looks
        self._last = b""
        self._unchanged = 0
        self._due = 0.0

    def look(self) -> None:
        """Look, if it is time to.

        Raises:
            ConnectionLost: the other process is gone.
        """
        if time.monotonic() < self._due:
            return
        self._due = time.monotonic() + self._every_s
        try:
            now = self._file.read_bytes()
        except OSError as error:
            raise ConnectionLost(str(error)) from error
        self._unchanged = self._unchanged + 1 if now == self._last else 0
        self._last = now
        if self._unchanged >= self._looks:
            raise ConnectionLost("the process that hands out the items is gone")
