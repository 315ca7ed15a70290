"""A small classifier with all parts of a program, to hunt in."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

BATCH = (torch.randn(8, 4, generator=torch.Generator().manual_seed(0)), torch.arange(8) % 3)


def make_model() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Dropout(0.1), nn.Linear(8, 3))


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=1e-2)


def loss_fn(model, batch):
    return F.cross_entropy(model(batch[0]), batch[1])


def train_step(model, optimizer, batch):
    model.train()
    optimizer.zero_grad()
    loss_fn(model, batch).backward()
    optimizer.step()


def evaluate(model, batches):
    model.eval()
    with torch.no_grad():
        return sum(float(loss_fn(model, batch)) for batch in batches)


WHOLE = {
    "loss_fn": loss_fn,
    "make_optimizer": make_optimizer,
    "train_step": train_step,
    "evaluate": evaluate,
}


def squashed(model, batch):
    return F.cross_entropy(model(batch[0]).softmax(-1), batch[1])


SOFTMAX = ["softmax-into-cross-entropy"]


def slugs(findings):
    return [finding.check for finding in findings]
