"""Objectives that a correct model need not fit."""

from __future__ import annotations

import pytest
import torch
from snippets import BATCH, loss_fn, make_model, make_optimizer, train_step
from torch import nn
from torch.nn import functional as F  # noqa: N812

from pytest_mlregress.bughunt.program.user_program import UserProgram
from pytest_mlregress.bughunt.replaying.hunt_context import HuntContext
from pytest_mlregress.bughunt.replaying.objective import reason_not_to_fit


def reason(*, own_step=False, **parts):
    program = {
        "make_model": make_model,
        "batch": BATCH,
        "loss_fn": loss_fn,
        "make_optimizer": make_optimizer,
        "train_step": train_step,
        **parts,
    }
    return reason_not_to_fit(HuntContext(UserProgram(**program)), own_step=own_step)


def candidates(model, batch):
    logits = model(batch[0])
    losses = [F.cross_entropy(logits, (batch[1] + i) % 3, reduction="none") for i in (0, 1)]
    return torch.stack(losses)


def bags(model, batch):
    return model(batch[0]).view(4, 3, 3)


SELECTING = {
    "best of several": lambda m, b: candidates(m, b).min(0).values.mean(),
    "best by its index": lambda m, b: (
        candidates(m, b).gather(0, candidates(m, b).argmin(0, keepdim=True)).mean()
    ),
    "index of a minimum": lambda m, b: (
        candidates(m, b).gather(0, candidates(m, b).min(0, keepdim=True).indices).mean()
    ),
    "hardest of a batch": lambda m, b: candidates(m, b)[0].topk(3).values.mean(),
    "multiple instances": lambda m, b: F.cross_entropy(bags(m, b).amax(1), b[1][:4]),
    "pooled outputs": lambda m, b: F.cross_entropy(
        F.max_pool1d(bags(m, b).transpose(1, 2), 3).flatten(1), b[1][:4]
    ),
    "nearest point": lambda m, b: torch.cdist(m(b[0]), b[0][:, :3]).amin(1).mean(),
}


@pytest.mark.parametrize("loss", SELECTING.values(), ids=SELECTING)
def test_a_loss_that_looks_at_some_outputs_only(loss):
    assert "picks some of the outputs for the loss" in reason(loss_fn=loss)


def ratio_clipped(model, batch):
    ratio = (model(batch[0]) - 1).exp()
    return -(ratio.clamp(0.8, 1.2) * batch[0][:, :3]).mean()


def value_clipped(model, batch):
    old = torch.zeros(12, 3)
    near = old + torch.clamp(model(batch[0]) - old, -0.2, 0.2)
    return F.mse_loss(near, batch[0][:, :3])


@pytest.mark.parametrize("loss", [ratio_clipped, value_clipped])
def test_a_clipped_difference_or_ratio(loss):
    assert "clips a difference or ratio on its way to the loss" in reason(loss_fn=loss)


class PoolsInside(nn.Module):
    """Maximum pooling below the last weights, as in every convolutional network."""

    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Linear(6, 16), nn.Linear(8, 3)

    def forward(self, x):
        x = F.max_pool1d(self.first(x)[:, None], 2)[:, 0]
        return self.last(torch.maximum(x, x.flip(-1)))


def stable_softmax(model, batch):
    logits = model(batch[0])
    shifted = logits - logits.max(-1, keepdim=True).values
    return -(shifted.exp() / shifted.exp().sum(-1, keepdim=True)).log()[:, 0].mean()


def clamped_probability(model, batch):
    return -model(batch[0]).softmax(-1).clamp(1e-7, 1 - 1e-7).log()[:, 0].mean()


def hinge(model, batch):
    return (1 - model(batch[0])).clamp(min=0).mean()


def chosen_by_data(model, batch):
    return F.cross_entropy(model(batch[0])[torch.arange(12), :], batch[0][:, :3].argmax(-1))


def weighted(model, batch):
    """The weight of a task, learned with it, is no layer: what lies before it is looked at."""
    return SELECTING["best of several"](model, batch) * model.weight.exp()


class Weighted(nn.Sequential):
    def __init__(self):
        super().__init__(*make_model())
        self.weight = nn.Parameter(torch.zeros(()))


@pytest.mark.parametrize("loss", [stable_softmax, clamped_probability, hinge, chosen_by_data])
def test_look_alikes_that_can_be_fitted(loss):
    assert reason(loss_fn=loss) is None
    assert reason(make_model=PoolsInside, loss_fn=loss, own_step=True) is None


def test_a_learned_weight_of_a_loss_hides_nothing():
    assert "picks some" in reason(make_model=Weighted, loss_fn=weighted)


class Scale(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, by):
        ctx.by = by
        return x.view_as(x)

    @staticmethod
    def backward(ctx, gradient):
        return ctx.by * gradient, None


def by_function(by):
    return lambda x: Scale.apply(x, by)


def by_hook(by):
    def scaled(x):
        x = x.clone()
        x.register_hook(lambda gradient: by * gradient)
        return x

    return scaled


class Domains(nn.Module):
    def __init__(self, reverse):
        super().__init__()
        self.features, self.reverse = nn.Linear(6, 8), reverse
        self.label, self.domain = nn.Linear(8, 3), nn.Linear(8, 2)

    def forward(self, x):
        h = self.features(x).relu()
        return self.label(h), self.domain(self.reverse(h))


def domain_adversarial(model, batch):
    label, domain = model(batch[0])
    return F.cross_entropy(label, batch[1]) + F.cross_entropy(domain, batch[1] % 2)


@pytest.mark.parametrize(
    ("scaled", "name"), [(by_function, "the function Scale"), (by_hook, "the hook registered at")]
)
def test_a_reversed_gradient(scaled, name):
    def step(model, optimizer, batch):
        optimizer.zero_grad()
        domain_adversarial(model, batch).backward()
        optimizer.step()

    def label_alone(model, batch):
        return F.cross_entropy(model(batch[0])[0], batch[1])

    reversed_, scaled_only = (lambda: Domains(scaled(-0.3))), (lambda: Domains(scaled(0.3)))
    told = reason(make_model=reversed_, loss_fn=domain_adversarial)
    assert told.startswith(name)
    assert told.endswith("reverses the gradient: one part of the model raises what another lowers")
    assert reason(make_model=scaled_only, loss_fn=domain_adversarial) is None
    in_step = {"make_model": reversed_, "loss_fn": label_alone, "train_step": step}
    assert reason(**in_step, own_step=True).startswith(name)


class Rivals(nn.Module):
    def __init__(self):
        super().__init__()
        self.generator, self.critic = nn.Linear(6, 6), nn.Linear(6, 1)

    def forward(self, x):
        return self.critic(self.generator(x))


def fooled(model, batch):
    return -model(batch[0]).mean()


def test_one_optimizer_for_losses_of_two_parts():
    def step(model, optimizer, batch):
        optimizer.zero_grad()
        real, fake = batch[0], model.generator(batch[0]).detach()
        (model.critic(fake) - model.critic(real)).mean().backward()
        optimizer.step()
        optimizer.zero_grad()
        fooled(model, batch).backward()
        optimizer.step()

    rivals = {"make_model": Rivals, "loss_fn": fooled, "train_step": step}
    assert "backward from losses of different parts" in reason(**rivals, own_step=True)
    assert reason(**rivals) is None


def test_several_passes_through_the_same_part_are_one_objective():
    def accumulates(model, optimizer, batch):
        optimizer.zero_grad()
        for half in (slice(0, 6), slice(6, 12)):
            loss_fn(model, (batch[0][half], batch[1][half])).backward()
        (1e-3 * loss_fn(model, batch)).backward()
        optimizer.step()

    assert reason(train_step=accumulates, own_step=True) is None
