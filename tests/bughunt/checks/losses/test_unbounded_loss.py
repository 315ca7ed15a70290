"""Losses that are unbounded below."""

from __future__ import annotations

import math

import torch
from snippets import find
from torch import nn
from torch.distributions import Normal
from variational_coder import Coder, X, bound, by_hand


def find_sign(loss, make_model=lambda: Coder(by_hand), batch=X):
    program = {"make_model": make_model, "batch": batch, "loss_fn": loss}
    return find("wrong-loss-sign", train_step=None, make_optimizer=None, **program)


def likelihood(model, batch, sign=-1.0):
    mean, log_scale = model(batch[0]).chunk(2, dim=1)
    log_scale = log_scale.clamp(-1, 1)
    z = (batch[1] - mean) / log_scale.exp()
    each = -0.5 * z**2 - log_scale - 0.5 * math.log(2 * math.pi)
    return sign * torch.logsumexp(each, 1).mean()


def two_heads():
    return nn.Sequential(nn.Linear(6, 16), nn.Tanh(), nn.Linear(16, 4))


PAIRS = (X, X.sum(1, keepdim=True))


def test_a_divergence_with_the_wrong_sign_is_found():
    [finding] = find_sign(lambda model, x: bound(model, x, sign=-1.0))
    assert finding.severity == "warning"
    assert "unbounded below" in finding.message
    assert find_sign(bound) == []


def test_a_likelihood_that_is_minimised_is_found():
    findings = find_sign(lambda m, b: likelihood(m, b, 1.0), two_heads, PAIRS)
    assert [finding.severity for finding in findings] == ["warning"]
    assert find_sign(likelihood, two_heads, PAIRS) == []


def critic(model, batch):
    return model(batch[0])[:, 0].mean() - model(1 - batch[0])[:, 0].mean()


def gaussian_policy(model, batch):
    state, action, advantage = batch
    log_density = Normal(model(state)[:, 0], 1.0).log_prob(action)
    return -(log_density * advantage).mean()


def test_critics_and_negative_advantages_are_silent():
    assert find_sign(critic, two_heads, (X,)) == []
    batch = (X, X[:, 0], -1 - X[:, 1])
    assert find_sign(gaussian_policy, two_heads, batch) == []
