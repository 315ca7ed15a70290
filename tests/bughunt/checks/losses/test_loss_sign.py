"""Losses whose minus sign is missing or one too many."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from guarded_training import by_loss, train
from snippets import find, line_of
from torch import nn

# --- hunt ---------------------------------------------------------------------------------------


def negative(model, batch):
    return -F.cross_entropy(model(batch[0]), batch[1])  # here


def without_minus(model, batch):
    log_p = model(batch[0]).log_softmax(-1)
    return log_p.gather(1, batch[1][:, None]).mean()  # here


def negative_square(model, batch):
    return -(model(batch[0])[:, 0] - batch[0][:, 0]).square().mean()  # here


@pytest.mark.parametrize("loss", [negative, without_minus, negative_square])
def test_wrong_loss_sign(loss):
    [finding] = find("wrong-loss-sign", loss_fn=loss, train_step=None)
    assert finding.location == line_of(loss, "# here")


def test_signs_that_are_meant():
    def adversary(model, batch):
        logits = model(batch[0])
        domain = F.binary_cross_entropy_with_logits(logits[:, 0], (batch[1] > 0).float())
        return F.cross_entropy(logits, batch[1]) - 0.1 * domain

    def fooling(model, batch):
        score = model(batch[0])[:, 0]
        return -F.binary_cross_entropy_with_logits(score, torch.zeros(12))

    for loss in (adversary, fooling):
        assert find("wrong-loss-sign", loss_fn=loss, train_step=None) == []


def test_a_step_that_goes_uphill():
    def uphill(model):
        return torch.optim.SGD(model.parameters(), lr=0.1, maximize=True)

    assert len(find("wrong-loss-sign", make_optimizer=uphill)) == 1


# --- guards -------------------------------------------------------------------------------------


UPHILL = {
    "negated": lambda m, x, y: -F.cross_entropy(m(x), y),
    "scaled": lambda m, x, y: F.cross_entropy(m(x), y) * -0.5,
    "log-probability": lambda m, x, y: m(x).log_softmax(-1)[torch.arange(len(y)), y].mean(),
    "gathered": lambda m, x, y: m(x).log_softmax(-1).gather(1, y[:, None]).sum() / 8,
}


@pytest.mark.parametrize("name", UPHILL)
def test_an_error_that_is_made_larger_is_a_warning(name):
    found, [finding] = train(nn.Linear(8, 2), by_loss(UPHILL[name]))
    assert found == [("wrong-loss-sign", "warning")]
    assert finding.location == line_of(by_loss, "# backward")


@pytest.mark.parametrize("name", UPHILL)
def test_the_same_with_maximize_passes(name):
    model = nn.Linear(8, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, maximize=True)
    assert train(model, by_loss(UPHILL[name]), optimizer=optimizer)[0] == []


DOWNHILL = {
    "negated log-probability": lambda m, x, y: -m(x).log_softmax(-1).gather(1, y[:, None]).mean(),
    "negated twice": lambda m, x, y: -1 * (-F.cross_entropy(m(x), y)),
    "policy gradient": lambda m, x, y: (
        m(x).log_softmax(-1).gather(1, y[:, None]) * -x[:, :1]
    ).mean(),
    "entropy": lambda m, x, y: -torch.special.entr(m(x).softmax(-1)).sum(-1).mean(),
    "a difference": lambda m, x, y: F.cross_entropy(m(x), y) - F.mse_loss(m(x)[:, 0], x[:, 0]),
}


@pytest.mark.parametrize("name", DOWNHILL)
def test_losses_with_minus_signs_that_are_meant_pass(name):
    assert train(nn.Linear(8, 2), by_loss(DOWNHILL[name]))[0] == []


def test_a_patch_that_is_to_fool_a_fixed_model_passes():
    model, patch = nn.Linear(8, 2), nn.Parameter(torch.zeros(8))
    optimizer = torch.optim.Adam([patch], lr=0.1)
    fool = by_loss(lambda m, x, y: -F.cross_entropy(m(x + patch), y))
    assert train(model.requires_grad_(False), fool, optimizer=optimizer)[0] == []
