"""The hooks that a conftest or another plugin can implement."""

from __future__ import annotations

import pytest


@pytest.hookspec
def pytest_mlregress_seed(seed: int) -> None:
    """Seed generators that pytest-mlregress does not know with ``seed``, a number >= 0.

    Called before and after the fixtures of each seed, and before shared fixtures (with 0), always
    after python, numpy, torch, tensorflow and Keras have been seeded. Several implementations are
    all called.
    """
