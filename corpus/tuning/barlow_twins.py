"""Redundancy reduction: a cross-correlation matrix over the batch."""

import torch
from torch import nn


class Barlow(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 6))

    def forward(self, x):
        return self.net(x)


def make_batch(generator):
    x = torch.randn(16, 10, generator=generator)
    noise = 0.3 * torch.randn(2, 16, 10, generator=generator)
    return {"a": x + noise[0], "b": x + noise[1]}


def make_model():
    return Barlow()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=3e-3)


def standardise(z):
    return (z - z.mean(0)) / (z.std(0) + 1e-4)


def loss_fn(model, batch):
    a, b = standardise(model(batch["a"])), standardise(model(batch["b"]))
    c = a.T @ b / len(a)
    diagonal = torch.diagonal(c)
    off = c - torch.diag(diagonal)
    return (1 - diagonal).square().sum() + 0.01 * off.square().sum()
