"""Gradients that are zeroed between the parts of a batch, or summed where a mean is expected."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from guarded_training import train
from snippets import find, line_of, loss_fn
from torch import nn

# --- hunt ---------------------------------------------------------------------------------------


def test_zero_grad_between_backward_and_step():
    def step(model, optimizer, batch):
        loss_fn(model, batch).backward()
        optimizer.zero_grad(set_to_none=False)
        optimizer.step()

    [finding] = find("missing-zero-grad", train_step=step)
    assert finding.location == line_of(step, "zero_grad")


def parts(batch):
    return [tuple(t[rows] for t in batch) for rows in (slice(0, 6), slice(6, 12))]


def test_micro_batches_that_are_not_averaged():
    def added(model, optimizer, batch):
        optimizer.zero_grad()
        for part in parts(batch):
            loss_fn(model, part).backward()
        optimizer.step()

    def averaged(model, optimizer, batch):
        optimizer.zero_grad()
        for part in parts(batch):
            (loss_fn(model, part) / 2).backward()
        optimizer.step()

    def forgetful(model, optimizer, batch):
        for part in parts(batch):
            optimizer.zero_grad()
            (loss_fn(model, part) / 2).backward()
        optimizer.step()

    assert len(find("loss-sum-vs-mean", train_step=added)) == 1
    assert find("loss-sum-vs-mean", train_step=averaged) == []
    assert find("missing-zero-grad", train_step=averaged) == []
    [finding] = find("missing-zero-grad", train_step=forgetful)
    assert finding.location == line_of(forgetful, "zero_grad")


# --- guards -------------------------------------------------------------------------------------


def in_parts(between, loss_of=lambda model, x, y: F.cross_entropy(model(x), y)):
    def step(model, optimizer, x, y):
        optimizer.zero_grad()
        for part in range(2):
            loss = loss_of(model, x[part::2], y[part::2]) / 2
            between(model, optimizer)
            loss.backward()
        optimizer.step()

    return step


def zero_each(model, optimizer):
    optimizer.zero_grad()  # zeroes


def test_zeroing_between_the_parts_of_a_batch_is_a_warning():
    found, [finding] = train(nn.Linear(8, 2), in_parts(zero_each))
    assert found == [("missing-zero-grad", "warning")]
    assert finding.location == line_of(zero_each, "# zeroes")


def collected(model, optimizer, x, y):
    """Conflicting gradients: each part's is taken by hand, and their sum is put back."""
    sums = [torch.zeros_like(p) for p in model.parameters()]
    for part in range(2):
        optimizer.zero_grad()
        F.cross_entropy(model(x[part::2]), y[part::2]).backward()
        for total, p in zip(sums, model.parameters(), strict=True):
            total += p.grad
    for total, p in zip(sums, model.parameters(), strict=True):
        p.grad = total
    optimizer.step()


def sharpness_aware(model, optimizer, x, y):
    for ascend in (True, False):
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        if ascend:
            moves = [0.05 * p.grad for p in model.parameters()]
            with torch.no_grad():
                for p, move in zip(model.parameters(), moves, strict=True):
                    p.add_(move)
    with torch.no_grad():
        for p, move in zip(model.parameters(), moves, strict=True):
            p.sub_(move)
    optimizer.step()


def adversarial(model, optimizer, x, y):
    x = x.clone().requires_grad_()
    for move in (0.1, 0.0):
        optimizer.zero_grad()
        F.cross_entropy(model(x), y).backward()
        with torch.no_grad():
            x += move * x.grad.sign()
    optimizer.step()


@pytest.mark.parametrize(
    "step", [in_parts(lambda m, o: None), collected, sharpness_aware, adversarial]
)
def test_gradients_that_are_zeroed_between_on_purpose_pass(step):
    assert train(nn.Linear(8, 2), step)[0] == []
