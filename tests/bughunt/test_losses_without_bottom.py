"""Losses that fall without bound, and draws that lose their gradient; and their look-alikes."""

from __future__ import annotations

import math

import pytest

torch = pytest.importorskip("torch")

import torch.nn.functional as F  # noqa: E402, N812
from snippets import find, line_of  # noqa: E402
from torch import nn  # noqa: E402
from torch.distributions import Normal, kl_divergence  # noqa: E402

X = torch.rand(16, 6, generator=torch.Generator().manual_seed(0))


class Coder(nn.Module):
    def __init__(self, draw):
        super().__init__()
        self.enc, self.mu, self.log_sigma = nn.Linear(6, 16), nn.Linear(16, 2), nn.Linear(16, 2)
        self.dec = nn.Linear(2, 6)
        self.draw = draw

    def forward(self, x):
        h = torch.tanh(self.enc(x))
        mu, sigma = self.mu(h), self.log_sigma(h).exp()
        z = self.draw(mu, sigma)
        return self.dec(z), mu, sigma, z


def by_hand(mu, sigma):
    return mu + sigma * torch.randn_like(mu)


def cut(mu, sigma):
    return by_hand(mu, sigma).detach()


def sampled(mu, sigma):
    return Normal(mu, sigma).sample()


def resampled(mu, sigma):
    return Normal(mu, sigma).rsample()


def bound(model, x, sign=1.0):
    guess, mu, sigma, _ = model(x)
    divergence = kl_divergence(Normal(mu, sigma), Normal(0.0, 1.0)).sum(1).mean()
    return F.mse_loss(guess, x) + sign * divergence


def score_function(model, x):
    guess, mu, sigma, z = model(x)
    log_density = Normal(mu, sigma).log_prob(z).sum(1)
    error = (guess - x).square().mean(1)
    return (error + log_density * error.detach()).mean()


def find_cut(draw, loss=bound):
    program = {"make_model": lambda: Coder(draw), "batch": X, "loss_fn": loss}
    return find("detached-graph", train_step=None, make_optimizer=None, **program)


@pytest.mark.parametrize(("draw", "line"), [(cut, ".detach()"), (sampled, ".sample()")])
def test_a_draw_without_its_gradient_is_found(draw, line):
    [finding] = find_cut(draw)
    assert finding.severity == "warning"
    assert finding.location == line_of(draw, line)


@pytest.mark.parametrize("draw", [by_hand, resampled])
def test_a_draw_with_its_gradient_is_silent(draw):
    assert find_cut(draw) == []


@pytest.mark.parametrize("draw", [cut, sampled])
def test_a_draw_that_meets_its_density_is_silent(draw):
    assert find_cut(draw, score_function) == []


def test_a_second_loss_on_what_another_trains_is_silent():
    def with_probe(model, x):
        z = model(x)[-1]
        return bound(model, x) + (z.detach() - 1).square().mean()

    assert find_cut(by_hand, with_probe) == []


# --- losses without bottom ----------------------------------------------------------------------


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
    assert "no bottom" in finding.message
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
