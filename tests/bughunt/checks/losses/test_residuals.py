"""Differences of predictions and data: losses that reward them, targets that none can reach."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from snippets import find, line_of
from torch import nn

SIGN, REACH = "wrong-loss-sign", "no-single-batch-overfit"
LEVELS = torch.tensor([0.1, 0.5, 0.9])


def batch(low=-3.0, high=5.0):
    x = torch.randn(16, 6, generator=torch.Generator().manual_seed(0))
    y = torch.rand(16, generator=torch.Generator().manual_seed(1)) * (high - low) + low
    return x, y


def model(*last, outputs=3):
    return lambda: nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, outputs), *last)


def pinball(network, data):
    x, y = data
    error = y.unsqueeze(1) - network(x)
    return torch.maximum(LEVELS * error, (LEVELS - 1) * error).mean()


def least_of_both(network, data):
    x, y = data
    error = y.unsqueeze(1) - network(x)
    return torch.minimum(LEVELS * error, (LEVELS - 1) * error).mean()  # here


def shrunk_away(network, data):
    x, y = data
    error = network(x) - y[:, None]
    return (0.1 - error.abs()).mean()  # here


@pytest.mark.parametrize("loss", [least_of_both, shrunk_away])
def test_a_loss_that_rewards_errors_is_found(loss):
    [finding] = find(SIGN, loss_fn=loss, batch=batch(), make_model=model(), **NO_STEP)
    assert finding.severity == "warning" if loss is least_of_both else "error"
    assert finding.location == line_of(loss, "# here")


def critic(network, data):
    """Linear in what it is given: it falls one way only."""
    return network(data[0]).mean()


def policy(network, data):
    x, y = data
    values = network(x)
    advantage = y - values[:, 0]
    chosen = values[:, 1:].log_softmax(-1)[:, 0]
    return -(chosen * advantage.detach()).mean() + advantage.square().mean()


def advantage_with_gradient(network, data):
    x, y = data
    values = network(x)
    return -((y - values[:, 0]) * values[:, 1].detach().sigmoid()).mean()


def weighted(network, data):
    """Weights in the batch may be negative, as advantages are."""
    x, y = data
    return ((network(x)[:, 0] - x[:, 1]).square() * y).mean()


def kernel(network, data):
    x, y = data
    return -torch.exp(-(network(x) - y[:, None]).square()).mean()


def distances_as_features(network, data):
    """Residuals that a layer reads say nothing about the loss."""
    x, y = data
    centres = network[0].weight.mean() * torch.ones(16, 6)
    return F.mse_loss(network(x - centres)[:, 0], y)


@pytest.mark.parametrize(
    "loss",
    [pinball, critic, policy, advantage_with_gradient, kernel, distances_as_features],
)
def test_losses_that_do_not_reward_errors_are_silent(loss):
    assert find(SIGN, loss_fn=loss, batch=batch(), make_model=model(), **NO_STEP) == []


def squares(network, data):
    return F.mse_loss(network(data[0])[:, 0], data[1])


def test_weights_of_the_batch_decide_on_the_sign():
    data = batch(low=-9.0, high=-1.0)
    assert find(SIGN, loss_fn=weighted, batch=data, make_model=model(), **NO_STEP) == []


NO_STEP = {"train_step": None, "make_optimizer": None}


@pytest.mark.parametrize("loss", [pinball, squares])
@pytest.mark.parametrize(
    ("last", "low", "high"), [(nn.Sigmoid(), 2.0, 5.0), (nn.ReLU(), -9.0, -1.0)]
)
def test_targets_that_the_last_activation_cannot_reach_are_found(loss, last, low, high):
    found = find(REACH, loss_fn=loss, batch=batch(low, high), make_model=model(last), **NO_STEP)
    assert [finding.message for finding in found] == [
        "most targets are outside of the model's output range: it cannot memorise any batch"
    ]
    assert found[0].module == "3"
    assert "100% of the targets do not" in found[0].evidence


@pytest.mark.parametrize(
    ("last", "low", "high"),
    [
        (nn.Identity(), 2e5, 5e5),  # far away, and a larger layer gets there
        (nn.Sigmoid(), 0.1, 0.9),
        (nn.Tanh(), -1.5, 1.5),  # some are out of reach, most are not
        (nn.Softplus(), 0.0, 9.0),
    ],
)
def test_targets_within_reach_are_silent(last, low, high):
    found = find(REACH, loss_fn=squares, batch=batch(low, high), make_model=model(last), **NO_STEP)
    assert [f for f in found if "outside of the model's output range" in f.message] == []


def test_a_teacher_sets_no_target_that_could_be_out_of_reach():
    class Student(nn.Module):
        def __init__(self):
            super().__init__()
            self.teacher, self.student = nn.Linear(6, 1), nn.Linear(6, 1)
            nn.init.constant_(self.teacher.bias, 7.0)
            self.teacher.requires_grad_(False)

        def forward(self, x):
            return self.student(x).sigmoid(), self.teacher(x)

    def loss(network, data):
        guess, goal = network(data[0])
        return F.l1_loss(guess, goal)

    found = find(REACH, loss_fn=loss, batch=batch(), make_model=Student, **NO_STEP)
    assert [f for f in found if "outside of the model's output range" in f.message] == []
