"""Shared trunk, three heads with different losses, summed."""

import torch
from torch import nn
from torch.nn import functional as F


class Heads(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(8, 32), nn.CELU())
        self.heads = nn.ModuleDict(
            {"kind": nn.Linear(32, 4), "flag": nn.Linear(32, 1), "amount": nn.Linear(32, 1)}
        )

    def forward(self, x):
        h = self.trunk(x)
        return {name: head(h) for name, head in self.heads.items()}


def make_batch(generator):
    x = torch.randn(16, 8, generator=generator)
    return {
        "x": x,
        "kind": x[:, :4].argmax(1),
        "flag": (x[:, 4:5] > 0).float(),
        "amount": 2 + x[:, 5:6],
    }


def make_model():
    return Heads()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=0.01)


def loss_fn(model, b):
    out = model(b["x"])
    return (
        F.cross_entropy(out["kind"], b["kind"])
        + F.binary_cross_entropy_with_logits(out["flag"], b["flag"])
        + 0.1 * F.mse_loss(out["amount"], b["amount"])
    )
