"""A line on how many jobs wait in the queue of a cluster."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Final

from pytest_mlregress.plurals import count_of

_EVERY_S: Final = 30.0


class QueueLine:
    """Says how many jobs run and wait when that has changed, and not too often.

    Args:
        say: prints a line.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._said: tuple[int, int] | None = None
        self._due = 0.0

    def show(self, running: Sequence[bool]) -> None:
        """Say it, if it is time to.

        Args:
            running: of each job that is not over: whether it runs; others wait.
        """
        numbers = (sum(running), len(running) - sum(running))
        first_runs = self._said is not None and not self._said[0] and numbers[0]
        if numbers == self._said or (not numbers[1] and not first_runs):
            return
        now = time.monotonic()
        if now < self._due and not first_runs:
            return
        self._said, self._due = numbers, now + _EVERY_S
        runs, waits = numbers
        verb = "runs" if runs == 1 else "run"
        waiting = f", {waits} in the queue" if waits else ""
        self._say(f"mlregress: {runs} of {count_of(runs + waits, 'job')} {verb}{waiting}")
