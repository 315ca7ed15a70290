"""Steps that differ from run to run."""

from __future__ import annotations

import torch
from snippets import find, train_step


def test_nondeterministic():
    def unseeded(model, optimizer, batch):
        noise = torch.randn(12, 6, generator=torch.Generator().manual_seed(next(CLOCK)))
        train_step(model, optimizer, (batch[0] + noise, batch[1]))

    CLOCK = iter(range(10_000))  # noqa: N806
    assert len(find("nondeterministic", train_step=unseeded)) == 1
    assert find("nondeterministic") == []
