"""The order of backward, clipping, step and schedule."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from guarded_training import cross_entropy, train, watched
from snippets import find, line_of, loss_fn, train_step
from torch import nn

# --- hunt ---------------------------------------------------------------------------------------


def test_step_before_backward():
    def step(model, optimizer, batch):
        optimizer.zero_grad()
        loss = loss_fn(model, batch)
        optimizer.step()
        loss.backward()

    [finding] = find("step-before-backward", train_step=step)
    assert finding.location == line_of(step, "optimizer.step()")
    assert find("step-before-backward") == []


def clip_first(model, optimizer, batch):
    optimizer.zero_grad()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)  # here
    loss_fn(model, batch).backward()
    optimizer.step()


def clip_last(model, optimizer, batch):
    optimizer.zero_grad()
    loss_fn(model, batch).backward()
    optimizer.step()
    nn.utils.clip_grad_value_(model.parameters(), 1.0)  # here


def clip_well(model, optimizer, batch):
    optimizer.zero_grad()
    loss_fn(model, batch).backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()


@pytest.mark.parametrize("step", [clip_first, clip_last])
def test_clip_misorder(step):
    [finding] = find("clip-misorder", train_step=step)
    assert finding.location == line_of(step, "# here")
    assert find("clip-misorder", train_step=clip_well) == []


def with_scheduler(model):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    return {"o": optimizer, "s": torch.optim.lr_scheduler.StepLR(optimizer, 10)}


def test_scheduler_misorder():
    def early(model, optimizer, batch):
        optimizer["s"].step()
        train_step(model, optimizer["o"], batch)

    def late(model, optimizer, batch):
        train_step(model, optimizer["o"], batch)
        optimizer["s"].step()

    [finding] = find("scheduler-misorder", train_step=early, make_optimizer=with_scheduler)
    assert finding.location == line_of(early, 'optimizer["s"].step()')
    assert find("scheduler-misorder", train_step=late, make_optimizer=with_scheduler) == []


# --- guards -------------------------------------------------------------------------------------


def test_a_scheduler_that_runs_ahead_and_one_that_does_not():
    schedulers = {}

    def step(model, optimizer):
        new = torch.optim.lr_scheduler.StepLR
        schedulers.setdefault(id(optimizer), new(optimizer, 2)).step()

    with pytest.warns(UserWarning, match="lr_scheduler"):
        found, _ = watched(cross_entropy, between=step)
    assert found == [("scheduler-misorder", "error")]
    assert watched(cross_entropy, after=step)[0] == []


def test_clipping_before_backward_is_in_vain():
    def clip(model, optimizer):
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)

    def too_early(model, optimizer):
        optimizer.zero_grad()
        clip(model, optimizer)

    found, _ = watched(cross_entropy, before=too_early)
    assert found == [("clip-misorder", "error")]
    assert watched(cross_entropy, between=clip)[0] == []


@pytest.mark.parametrize("name", ["clip_grad_norm_", "clip_grad_value_"])
def test_clipping_after_the_step_is_in_vain(name):
    found, _ = watched(
        cross_entropy, after=lambda m, o: getattr(nn.utils, name)(m.parameters(), 1.0)
    )
    assert found == [("clip-misorder", "error")]


def scaled(order):
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)

    def step(model, optimizer, x, y):
        optimizer.zero_grad()
        scaler.scale(F.cross_entropy(model(x), y)).backward()
        order(scaler, optimizer, model)
        scaler.step(optimizer)
        scaler.update()

    return step


def clip_scaled(scaler, optimizer, model):
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)  # clips


def unscale_and_clip(scaler, optimizer, model):
    scaler.unscale_(optimizer)
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)


def clip_to_scaled_limit(scaler, optimizer, model):
    nn.utils.clip_grad_norm_(model.parameters(), 1.0 * scaler.get_scale())


def test_clipping_gradients_that_are_still_scaled_is_an_error():
    found, [finding] = train(nn.Linear(8, 2), scaled(clip_scaled))
    assert found == [("clip-misorder", "error")]
    assert finding.location == line_of(clip_scaled, "# clips")


@pytest.mark.parametrize("order", [unscale_and_clip, clip_to_scaled_limit])
def test_clipping_with_the_scale_in_mind_passes(order):
    assert train(nn.Linear(8, 2), scaled(order))[0] == []
