"""Generators that are seeded again at every step."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from guarded_training import data, plain, train
from snippets import evaluate, find, line_of, train_step
from torch import nn

from pytest_mlregress.bughunt.guards import watch

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


def with_noise(make_noise):
    """A training step whose inputs carry the noise that a function of (model, batch) gives."""

    def step(model, optimizer, batch):
        train_step(model, optimizer, (batch[0] + 0.1 * make_noise(model, batch), batch[1]))

    return step


def made_once(model, batch):
    if not hasattr(model, "noise"):
        model.noise = torch.randn(12, 6)
    return model.noise


def of_the_batch(model, batch):
    torch.manual_seed(int(batch[1].sum()))
    return torch.randn(12, 6)


def of_each_example(model, batch):
    noise = []
    for value in batch[0][:, 0].tolist():
        torch.manual_seed(int(1e6 * abs(value)))
        noise.append(torch.randn(6))
    return torch.stack(noise)


def of_the_step(model, batch):
    model.steps = getattr(model, "steps", 0) + 1
    torch.manual_seed(model.steps)
    return torch.randn(12, 6)


def of_a_drawn_seed(model, batch):
    torch.manual_seed(int(torch.randint(10**9, ())))
    return torch.randn(12, 6)


def forked(model, batch):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return torch.randn(12, 6)


def of_numpy_of_the_batch(model, batch):
    np.random.seed(int(batch[1].sum()))
    return torch.from_numpy(np.random.randn(12, 6)).float()


@pytest.mark.parametrize(
    "noise",
    [
        made_once,
        of_the_batch,
        of_each_example,
        of_the_step,
        of_a_drawn_seed,
        forked,
        of_numpy_of_the_batch,
    ],
)
def test_noise_that_repeats_for_a_reason_passes(noise):
    assert find("rng-reset", train_step=with_noise(noise)) == []


def seeded_after_noise(model, batch):
    noise = torch.randn(12, 6)
    torch.manual_seed(7)
    return noise


def put_back(model, batch):
    model.state = getattr(model, "state", None)
    if model.state is None:
        model.state = torch.get_rng_state()
    torch.set_rng_state(model.state)  # puts back
    return torch.randn(12, 6)


def made_once_and_reset(model, batch):
    made_once(model, batch)
    torch.manual_seed(3)
    return torch.randn(12, 6)


def of_numpy(model, batch):
    np.random.seed(0)
    return torch.from_numpy(np.random.randn(12, 6)).float()


@pytest.mark.parametrize("noise", [seeded_after_noise, put_back, made_once_and_reset, of_numpy])
def test_a_generator_that_ends_in_one_state_from_wherever_it_begins_is_found(noise):
    [finding] = find("rng-reset", train_step=with_noise(noise))
    assert finding.severity == "error"


def test_a_state_that_is_put_back_is_located():
    [finding] = find("rng-reset", train_step=with_noise(put_back))
    assert finding.location == line_of(put_back, "# puts back")


def noisy_evaluation(seed_of):
    def run(model, batches):
        seed = seed_of(model)
        if seed is not None:
            torch.manual_seed(seed)
        return evaluate(model, [(x + torch.randn_like(x), y) for x, y in batches])

    return run


def counting(model, optimizer, batch):
    model.steps = getattr(model, "steps", 0) + 1
    train_step(model, optimizer, batch)


def test_an_evaluation_that_seeds_by_the_step_passes_and_a_fixed_seed_is_found():
    def by_step(model):
        return getattr(model, "steps", 0)

    program = {"train_step": counting}
    assert find("rng-reset", evaluate=noisy_evaluation(by_step), **program) == []
    assert find("rng-reset", evaluate=noisy_evaluation(lambda model: None), **program) == []
    [finding] = find("rng-reset", evaluate=noisy_evaluation(lambda model: 0), **program)
    assert finding.location == line_of(noisy_evaluation, "torch.manual_seed")


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


def trained_together(models, seed_of, steps=6):
    """Findings of several models that are trained in turn, each step from its seed."""
    optimizers = [torch.optim.SGD(model.parameters(), lr=0.1) for model in models]
    with watch() as guard:
        for step in range(steps):
            for model, optimizer in zip(models, optimizers, strict=True):
                torch.manual_seed(seed_of(step))
                plain(model, optimizer, *data())
    return [finding.check for finding in guard.findings]


def test_models_that_share_the_noise_of_each_step_pass():
    assert trained_together([noisy() for _ in range(3)], lambda step: step) == []
    assert trained_together([noisy() for _ in range(3)], lambda step: 0) == ["rng-reset"]


def test_several_short_trainings_from_one_seed_pass():
    with watch() as guard:
        for lr in (0.1, 0.2, 0.3, 0.4, 0.5):
            torch.manual_seed(0)
            model = noisy()
            plain(model, torch.optim.SGD(model.parameters(), lr=lr), *data())
    assert guard.findings == []
