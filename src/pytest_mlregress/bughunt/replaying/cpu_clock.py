"""Time as a budget counts it: what the work takes, not what other programs take from it."""

from __future__ import annotations

import time

BUSY = 4.0


class Stopwatch:
    """Runs from its construction on.

    Counts the computing time of this thread, so that the same hunt makes the same checks on an
    idle and on a busy machine. Waiting (for a data loader, for a device) counts a quarter of the
    wall clock, so that it is not free either.
    """

    def __init__(self) -> None:
        self._wall, self._computing = time.perf_counter(), time.thread_time()

    @property
    def seconds(self) -> float:
        """Since the construction."""
        wall, computing = time.perf_counter() - self._wall, time.thread_time() - self._computing
        return max(computing, wall / BUSY)
