"""Several quantiles at once by the pinball loss; increments through softplus keep them in order."""

import torch
import torch.nn.functional as F
from torch import nn

g = torch.Generator().manual_seed(33)
LEVELS = torch.tensor([0.1, 0.25, 0.5, 0.75, 0.9])


def draw(n=80):
    x = torch.rand(n, 2, generator=g) * 2 - 1
    noise = torch.randn(n, generator=g) * (0.2 + 0.5 * x[:, 1].abs())
    return x, 5 + 2 * x[:, 0] + noise


batch = draw()
val_batches = [draw(), draw()]


class Quantiles(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(2, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU())
        self.out = nn.Linear(32, len(LEVELS))
        self.register_buffer("levels", LEVELS)

    def forward(self, x):
        raw = self.out(self.body(x))
        return torch.cat([raw[:, :1], F.softplus(raw[:, 1:])], 1).cumsum(1)


def make_model():
    return Quantiles()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=1e-2)


def loss_fn(model, batch):
    x, y = batch
    err = y[:, None] - model(x)  # (N, 1) - (N, Q)
    return torch.maximum(model.levels * err, (model.levels - 1) * err).mean()


@torch.no_grad()
def evaluate(model, batches):
    """Mean distance of the empirical coverage from the nominal level."""
    below = torch.cat([(y[:, None] <= model(x)).float() for x, y in batches])
    return (below.mean(0) - model.levels).abs().mean().item()
