"""Ordinal regression (CORAL): one shared score without bias, K-1 ordered thresholds kept as separate biases."""

import torch
import torch.nn.functional as F
from torch import nn

g = torch.Generator().manual_seed(34)
w = torch.randn(6, generator=g)
K = 5


def draw(n=60):
    x = torch.randn(n, 6, generator=g)
    score = x @ w + 0.3 * torch.randn(n, generator=g)
    return {"x": x, "grade": torch.bucketize(score, torch.tensor([-2.0, -0.5, 0.5, 2.0]))}


batch = draw()
val_batches = [draw()]


class Coral(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(6, 24), nn.ReLU())
        self.score = nn.Linear(24, 1, bias=False)
        self.bias = nn.Parameter(torch.arange(K - 1, 0, -1).float() / (K - 1) - 0.5)

    def forward(self, x):
        return self.score(self.body(x)) + self.bias  # (N, 1) + (K - 1,)


def make_model():
    return Coral()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=2e-2)


def loss_fn(model, batch):
    above = (batch["grade"][:, None] > torch.arange(K - 1)).float()
    return (
        F.binary_cross_entropy_with_logits(model(batch["x"]), above, reduction="none").sum(1).mean()
    )


@torch.no_grad()
def evaluate(model, batches):
    err = [((model(b["x"]) > 0).sum(1) - b["grade"]).abs().float() for b in batches]
    return torch.cat(err).mean().item()
