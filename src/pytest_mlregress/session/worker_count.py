"""How many processes run seeds beside the one that judges."""

from __future__ import annotations

from typing import Final

import pytest

WARM_WORKERS: Final = pytest.StashKey[int]()
"""How many workers are forked from this process; absent or 0 where none are."""


def worker_count(config: pytest.Config) -> int:
    """How many other processes run seeds, forked or of pytest-xdist; 0 where this one does.

    Args:
        config: pytest's.

    Returns:
        The number.
    """
    return config.stash.get(WARM_WORKERS, 0) or len(getattr(config.option, "tx", None) or ())
