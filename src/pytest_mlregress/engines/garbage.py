"""Python's garbage collector in a run that forks workers.

Modules stay until a process ends, and those of torch, scikit-learn and the compiler are 370,000
objects, which every full collection walks through: while they are imported, in each worker,
and several times at the end. A collection also writes to every object, so that a forked process no
longer shares it. So it is done as Python's documentation of ``gc.freeze`` says: little is collected
before the fork, and what is there then is left out of later collections.
"""

from __future__ import annotations

import gc
from typing import Final

import pytest

_RARELY: Final = (200_000, 20, 100)
"""Thresholds for a process that imports: garbage is still bounded."""

_COLLECTIONS: Final = pytest.StashKey["RareCollections"]()


class RareCollections:
    """Garbage is collected rarely from now on, until the fork."""

    def __init__(self) -> None:
        self._before = gc.get_threshold()
        self._frozen_before = gc.get_freeze_count()
        self._is_theirs = not gc.isenabled() or not 0 < self._before[0] < _RARELY[0]
        if not self._is_theirs:
            gc.set_threshold(*_RARELY)

    def end(self) -> None:
        """Collect as before, unless somebody else has changed how."""
        if not self._is_theirs and gc.get_threshold() == _RARELY:
            gc.set_threshold(*self._before)

    def forget_fork(self) -> None:
        """The run is over: nothing is left out of collections on account of it."""
        self.end()
        if self._frozen_before == 0:
            gc.unfreeze()


def collect_rarely(config: pytest.Config) -> None:
    """Collect garbage rarely until the workers of this session are forked.

    Args:
        config: pytest's, before other plugins are configured: those that look for garbage at the
            end of the session do so before it is as it was.
    """
    collections = config.stash[_COLLECTIONS] = RareCollections()
    config.add_cleanup(collections.forget_fork)


def collect_as_before(config: pytest.Config) -> None:
    """Collect garbage as before `collect_rarely`.

    Args:
        config: pytest's.
    """
    collections = config.stash.get(_COLLECTIONS, None)
    if collections is not None:
        collections.end()


def leave_out_of_collections() -> None:
    """Leave all that exists out of later collections, garbage too."""
    gc.freeze()


def collect_what_was_left_out() -> None:
    """Collect garbage that was left out, and leave the rest out again."""
    gc.unfreeze()
    if gc.isenabled():
        gc.collect()
    gc.freeze()
