"""Samples that lose their gradient."""

from __future__ import annotations

import pytest
from snippets import find, line_of
from torch.distributions import Normal
from variational_coder import Coder, X, bound, by_hand


def cut(mu, sigma):
    return by_hand(mu, sigma).detach()


def sampled(mu, sigma):
    return Normal(mu, sigma).sample()


def resampled(mu, sigma):
    return Normal(mu, sigma).rsample()


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
