"""When the process that judges loads what it judges with."""

from __future__ import annotations

import importlib
from typing import Final

from pytest_mlregress.session.interrupts import WorkBeforeInterrupts, interrupted_afterwards

_NEEDED: Final = (
    "pytest_mlregress.statistics.early_stop",  # with numpy and scipy
    "pytest_mlregress.session.controller",
)


def load_statistics() -> None:
    """Load the statistics; what judges is whole before a Ctrl-C may come.

    Raises:
        KeyboardInterrupt: there was one.
    """
    with interrupted_afterwards():
        _load()


def load_statistics_meanwhile() -> WorkBeforeInterrupts:
    """Load the statistics in a thread; a Ctrl-C comes after it.

    xdist's controller waits for the first seeds, and what it needs sooner waits for the import.
    """
    return WorkBeforeInterrupts(_load, name="mlregress-statistics")


def _load() -> None:
    for name in _NEEDED:
        importlib.import_module(name)
