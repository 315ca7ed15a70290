"""Generators that are seeded again at every step."""

from __future__ import annotations

import torch
from guarded_training import plain, train
from snippets import find, line_of, train_step
from torch import nn

# --- hunt ---------------------------------------------------------------------------------------


def test_rng_reset():
    def seeded(model, optimizer, batch):
        torch.manual_seed(0)  # here
        noisy = (batch[0] + 0.1 * torch.randn(12, 6), batch[1])
        train_step(model, optimizer, noisy)

    def generator(model, optimizer, batch):
        noise = torch.randn(12, 6, generator=torch.Generator().manual_seed(0))
        train_step(model, optimizer, (batch[0] + 0.1 * noise, batch[1]))

    [finding] = find("rng-reset", train_step=seeded)
    assert finding.location == line_of(seeded, "# here")
    assert find("rng-reset", train_step=generator) == []


# --- guards -------------------------------------------------------------------------------------


def noisy():
    return nn.Sequential(nn.Linear(8, 16), nn.Dropout(0.5), nn.Linear(16, 2))


def seeding(seed_of):
    steps = iter(range(100))

    def step(model, optimizer, x, y):
        torch.manual_seed(seed_of(next(steps)))  # seeds
        plain(model, optimizer, x, y)

    return step


def test_a_seed_that_is_set_again_at_every_step_is_a_warning():
    found, [finding] = train(noisy(), seeding(lambda step: 0))
    assert found == [("rng-reset", "warning")]
    assert finding.location == line_of(seeding, "# seeds")


class SeedsItself(nn.Module):
    def __init__(self):
        super().__init__()
        self.last = nn.Linear(8, 2)

    def forward(self, x):
        torch.manual_seed(0)
        return self.last(x + torch.randn_like(x))


def test_a_module_that_seeds_its_own_noise_is_a_warning():
    assert train(SeedsItself(), plain)[0] == [("rng-reset", "warning")]


def test_seeds_of_the_step_and_seeds_without_noise_pass():
    assert train(noisy(), seeding(lambda step: step))[0] == []
    assert train(nn.Linear(8, 2), seeding(lambda step: 0))[0] == []
