"""When the process that judges loads what it judges with."""

from __future__ import annotations

import importlib

from pytest_mlregress.session.interrupts import interrupted_afterwards


def load_statistics() -> None:
    """Load the statistics; what judges is whole before a Ctrl-C may come.

    Raises:
        KeyboardInterrupt: there was one.
    """
    with interrupted_afterwards():
        importlib.import_module("pytest_mlregress.statistics")
