"""Training that cannot fit one batch."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from snippets import find, train_step

from pytest_mlregress.bughunt.checks.learning.single_batch_overfit import Run
from pytest_mlregress.bughunt.replaying.constant_predictor import Score


def test_no_single_batch_overfit_says_why():
    def blurred(model, batch):
        return F.cross_entropy(model(batch[0]), torch.randint(3, (12,)))

    [finding] = find("no-single-batch-overfit", loss_fn=blurred, train_step=None)
    assert "best constant" in finding.evidence
    assert find("no-single-batch-overfit") == []


def pulled_back(strength):
    """A step of one's own that shrinks all weights after each update."""

    def step(model, optimizer, batch):
        train_step(model, optimizer, batch)
        with torch.no_grad():
            torch._foreach_mul_(list(model.parameters()), 1 - strength)

    return step


@pytest.mark.parametrize(
    ("values", "stuck"),
    [
        ((9.0, 5.0, 4.9), True),  # halted far above the guess of 1
        ((9.0, 5.0, 4.0), False),  # still on its way
        ((9.0, 1.3, 1.2), False),  # slower, and nearly there
        ((9.0, 8.9, 8.8), False),  # slow from the start
        ((9.0, 0.9, 0.89), False),  # better than a guess
    ],
)
def test_a_training_that_halts_before_it_is_as_good_as_a_guess_is_stuck(values, stuck):
    start, middle, end = (Score(value, 1.0) for value in values)
    assert Run("train_step", (start, middle, end)).stuck is stuck


def plain_descent(rate):
    return lambda model: torch.optim.SGD(model.parameters(), lr=rate)


@pytest.mark.parametrize("rate", [1e-4, 1e-3, 1e-2])
def test_a_slow_step_is_not_stuck(rate):
    assert find("no-single-batch-overfit", make_optimizer=plain_descent(rate)) == []


def test_a_little_shrinking_is_not_stuck():
    assert find("no-single-batch-overfit", train_step=pulled_back(0.01)) == []
