"""A small classifier and a helper that hunts in variations of it."""

from __future__ import annotations

import inspect

import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

from pytest_mlregress.bughunt import hunt

BATCH = (torch.randn(12, 6, generator=torch.Generator().manual_seed(0)), torch.arange(12) % 3)


def make_model():
    return nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 3))


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=1e-2)


def loss_fn(model, batch):
    return F.cross_entropy(model(batch[0]), batch[1])


def train_step(model, optimizer, batch):
    model.train()
    optimizer.zero_grad()
    loss_fn(model, batch).backward()
    optimizer.step()


def find(slug, **program):
    """The findings of one check in the small program with some parts replaced."""
    whole = {
        "make_model": make_model,
        "batch": BATCH,
        "loss_fn": loss_fn,
        "make_optimizer": make_optimizer,
        "train_step": train_step,
        **program,
    }
    findings = hunt(
        whole.pop("make_model"),
        whole.pop("batch"),
        **{name: part for name, part in whole.items() if part is not None},
        checks=[slug],
    )
    assert [skip for skip in findings.skipped if "internal error" in skip.reason] == []
    return [finding for finding in findings if finding.check == slug]


def line_of(function, text):
    """``file:line`` of the first line of a function that contains a text."""
    function = inspect.unwrap(function)
    lines, start = inspect.getsourcelines(function)
    [offset] = [i for i, line in enumerate(lines) if text in line][:1]
    return f"{inspect.getsourcefile(function)}:{start + offset}"


@torch.no_grad()
def evaluate(model, batches):
    model.eval()
    return sum(float(loss_fn(model, batch)) for batch in batches)
