"""Ordinal regression with ordered cut points."""

import torch
from torch import nn
from torch.nn import functional as F


class Ordinal(nn.Module):
    def __init__(self, levels=4):
        super().__init__()
        self.score = nn.Sequential(nn.Linear(5, 16), nn.ReLU(), nn.Linear(16, 1, bias=False))
        self.start = nn.Parameter(torch.tensor([-1.0]))
        self.gaps = nn.Parameter(torch.zeros(levels - 2))

    def forward(self, x):
        cuts = torch.cat([self.start, self.start + F.softplus(self.gaps).cumsum(0)])
        return self.score(x) - cuts


def make_batch(generator):
    x = torch.randn(16, 5, generator=generator)
    level = torch.bucketize(x[:, 0] + x[:, 1], torch.tensor([-1.0, 0.0, 1.0]))
    return x, level


def make_model():
    return Ordinal()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=0.01)


def loss_fn(model, batch):
    x, level = batch
    above = (level[:, None] > torch.arange(3)).float()
    return F.binary_cross_entropy_with_logits(model(x), above)
