"""Training that ends no better than a constant."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from flowers import DATA, flowers
from snippets import find
from torch import nn


def normalised(momentum):
    def make():
        layers = [nn.BatchNorm1d(4, momentum=momentum), nn.Linear(4, 24), nn.ReLU()]
        return nn.Sequential(*layers, nn.Linear(24, 3))

    return make


def test_statistics_that_never_follow_the_data_are_found():
    [finding] = find("not-above-trivial", make_model=normalised(0.0), **DATA)
    assert finding.severity == "warning"
    assert "no better than a constant in evaluation mode" in finding.message
    assert "the best constant gives 1.099" in finding.evidence


@pytest.mark.parametrize("momentum", [0.1, 0.001], ids=["settled", "still on their way"])
def test_statistics_that_follow_the_data_are_silent(momentum):
    assert find("not-above-trivial", make_model=normalised(momentum), **DATA) == []


def test_a_step_that_undoes_what_the_one_before_learned_is_found():
    def train_step(model, optimizer, batch):
        with torch.no_grad():
            model[-1].weight.zero_(), model[-1].bias.zero_()
        optimizer.zero_grad()
        F.cross_entropy(model(batch[0]), batch[1]).backward()
        if step_is_odd(model):
            optimizer.step()

    def step_is_odd(model):
        model.steps = getattr(model, "steps", 0) + 1
        return model.steps % 2

    [finding] = find("not-above-trivial", make_model=normalised(0.1), train_step=train_step, **DATA)
    assert "Adam does" in finding.message


def test_labels_that_are_noise_are_silent():
    g = torch.Generator().manual_seed(3)
    batches = [(flowers(s, 60)[0], torch.randint(0, 3, (60,), generator=g)) for s in range(3)]
    given = {"batch": batches[0], "train_batches": batches}
    assert find("not-above-trivial", make_model=lambda: nn.Linear(4, 3), **given) == []
