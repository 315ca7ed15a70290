"""What the plugin itself takes while a phase of a seed runs, to be left out of the seed's time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager


class OwnTime:
    """A stopwatch for the plugin's own work: seeding, imports of guards, files that are read."""

    def __init__(self) -> None:
        self._seconds = 0.0
        self._began: float | None = None

    def begin(self) -> None:
        """The plugin works from now on; nothing changes where it does already."""
        if self._began is None:
            self._began = time.perf_counter()

    def end(self) -> None:
        """The user's code runs from now on; nothing changes where it does already."""
        if self._began is not None:
            self._seconds += time.perf_counter() - self._began
            self._began = None

    @contextmanager
    def measured(self) -> Iterator[None]:
        """Count a block, also one inside another that is counted."""
        if self._began is not None:
            yield
            return
        self.begin()
        try:
            yield
        finally:
            self.end()

    def take(self) -> float:
        """The seconds since the last call of this."""
        seconds, self._seconds = self._seconds, 0.0
        return seconds
