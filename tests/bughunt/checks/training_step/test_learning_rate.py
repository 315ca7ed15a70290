"""Learning rates that are too small or too large, and schedules that end at once."""

from __future__ import annotations

import pytest
import torch
from guarded_training import plain, train
from snippets import find, line_of, train_step
from torch import nn

# --- hunt ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [0.0, 1e-12, 1e4])
def test_bad_learning_rate(rate):
    def sgd(model):
        return torch.optim.SGD(model.parameters(), lr=rate)

    for step in (train_step, None):
        [finding] = find("bad-learning-rate", make_optimizer=sgd, train_step=step)
        assert finding.location == line_of(sgd, "SGD")
        assert find("bad-learning-rate", train_step=step) == []


def test_a_rate_too_small_is_found_though_a_bias_leaves_zero():
    def normed():
        return nn.Sequential(nn.Linear(6, 16), nn.LayerNorm(16), nn.ReLU(), nn.Linear(16, 3))

    def sgd(model):
        return torch.optim.SGD(model.parameters(), lr=1e-12)

    [finding] = find("bad-learning-rate", make_model=normed, make_optimizer=sgd)
    assert "too small" in finding.message


def test_a_warm_up_from_zero_is_legal():
    def warm(model):
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
        return optimizer, torch.optim.lr_scheduler.LambdaLR(optimizer, lambda k: k / 10)

    def step(model, optimizer, batch):
        train_step(model, optimizer[0], batch)
        optimizer[1].step()

    program = {"make_optimizer": warm, "train_step": step}
    for slug in ("bad-learning-rate", "lost-update", "scheduler-misorder"):
        assert find(slug, **program) == []


# --- guards -------------------------------------------------------------------------------------


def test_updates_that_are_lost_to_rounding_are_a_warning():
    model = nn.Linear(8, 2)
    found, _ = train(model, plain, optimizer=torch.optim.SGD(model.parameters(), lr=1e-10))
    assert found == [("lost-update", "warning")]
    model = nn.Linear(8, 2).bfloat16()

    def step(model, optimizer, x, y):
        plain(model, optimizer, x.bfloat16(), y)

    found, _ = train(model, step, optimizer=torch.optim.SGD(model.parameters(), lr=1e-5))
    assert found == [("lost-update", "warning")]


def test_a_warm_up_from_next_to_nothing_passes():
    model = nn.Linear(8, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-2)
    plan = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: (1 + step) * 1e-8)

    def step(model, optimizer, x, y):
        plain(model, optimizer, x, y)
        plan.step()

    assert train(model, step, optimizer=optimizer)[0] == []


def scheduled(make):
    model = nn.Linear(8, 2)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    plan = make(optimizer)

    def step(model, optimizer, x, y):
        plain(model, optimizer, x, y)
        plan.step()  # plans

    return train(model, step, optimizer=optimizer)


def test_a_schedule_that_is_used_up_at_once_is_a_warning():
    found, findings = scheduled(lambda o: torch.optim.lr_scheduler.ExponentialLR(o, 0.1))
    assert ("scheduler-misorder", "warning") in found
    assert findings[0].location == line_of(scheduled, "# plans")


@pytest.mark.parametrize(
    "make",
    [
        lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, 16),
        lambda o: torch.optim.lr_scheduler.LinearLR(o, 1.0, 0.0, 16),
        lambda o: torch.optim.lr_scheduler.StepLR(o, 4, 0.1),
        lambda o: torch.optim.lr_scheduler.OneCycleLR(o, 0.1, total_steps=20),
    ],
)
def test_schedules_that_end_with_the_training_pass(make):
    assert scheduled(make)[0] == []
