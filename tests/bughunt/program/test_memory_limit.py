"""Models that do not fit into memory."""

from __future__ import annotations

import pytest
from small_program import BATCH, loss_fn
from torch import nn

from pytest_mlregress.bughunt import BughuntError, hunt


def test_a_model_too_large_is_refused_before_it_is_built():
    with pytest.raises(BughuntError, match=r"\d+\.\d GB of parameters; a hunt needs about"):
        hunt(lambda: nn.Linear(600_000, 600_000), BATCH, loss_fn=loss_fn)
