"""Seeds are handed out to the workers of pytest-xdist one by one."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final

import pytest
from xdist.scheduler import LoadScheduling  # type: ignore[import-untyped]

from pytest_mlregress.node_ids import has_seed

_BOUND: Final = 2
"""A worker starts no item before it knows the next one, or that there is none."""


class SeedScheduling(LoadScheduling):  # type: ignore[misc]
    """xdist's scheduling by load, which cuts no suite that has seeds into chunks.

    Its parent begins with a chunk of consecutive items for each worker, which are the longest ones
    for the first.
    """

    def __init__(self, config: pytest.Config, log: Any = None) -> None:
        super().__init__(config, log)
        self._begins = False

    def schedule(self) -> None:
        """Begin, or go on with more workers."""
        ids: list[str] = next(iter(self.node2collection.values()), [])
        if self.collection is None and any(map(has_seed, ids)):
            self._begins = True
            self.maxschedchunk: int | None
            if self.maxschedchunk is None:
                self.maxschedchunk = 1
        super().schedule()

    def _send_tests(self, node: Any, num: int) -> None:
        if self._begins:  # the parent is about to deal these out, in the order of the workers
            self._begins = False
            self.pending[:] = dealt(self.pending, len(self.nodes))
        # The pipe of a worker that has just died is closed before xdist hears of its end. xdist
        # hands out the worker's items again then, these with them.
        with suppress(OSError):
            super()._send_tests(node, num)


def dealt(items: Sequence[int], workers: int) -> list[int]:
    """The items in the order in which xdist deals out the first ones.

    Each worker gets one of the first items, and as the next, which is bound to it, one of those
    after them: the shorter the longer the first is.

    Args:
        items: in the order in which they are to begin, the longest first.
        workers: how many there are.

    Returns:
        Of enough items for two each a pair for each worker, then the others; of fewer items one
        for each worker, then a second for the first workers.
    """
    first, second = list(items[:workers]), list(items[workers : _BOUND * workers])
    if len(second) < workers:
        return [*reversed(first), *second]
    pairs = zip(first, reversed(second), strict=True)
    return [*(index for pair in pairs for index in pair), *items[_BOUND * workers :]]


def seed_scheduling(config: pytest.Config, log: Any) -> SeedScheduling:
    """The scheduler of a run that may have seeds.

    Args:
        config: pytest's.
        log: xdist's.

    Returns:
        The scheduler.
    """
    return SeedScheduling(config, log)
