"""Losses that add a sum to a mean."""

from __future__ import annotations

import torch.nn.functional as F  # noqa: N812
from snippets import find, line_of


def test_a_loss_that_mixes_sum_and_mean():
    def mixed(model, batch):
        logits = model(batch[0])
        return F.cross_entropy(logits, batch[1]) + 0.1 * logits.square().sum()  # here

    def decayed(model, batch):
        penalty = sum(p.square().sum() for p in model.parameters())
        return F.cross_entropy(model(batch[0]), batch[1], reduction="sum") + penalty

    [finding] = find("loss-sum-vs-mean", loss_fn=mixed, train_step=None)
    assert finding.location == line_of(mixed, "# here")
    assert find("loss-sum-vs-mean", loss_fn=decayed, train_step=None) == []
