"""How many processes run seeds beside the one that judges."""

from __future__ import annotations

import pytest


def worker_count(config: pytest.Config) -> int:
    """How many processes of pytest-xdist run seeds; 0 where this one does.

    Args:
        config: pytest's.

    Returns:
        The number.
    """
    return len(getattr(config.option, "tx", None) or ())
