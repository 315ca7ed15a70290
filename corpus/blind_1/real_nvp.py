"""A normalising flow of affine couplings, trained by exact likelihood."""

import math

import torch
from torch import nn


class Coupling(nn.Module):
    def __init__(self, swap):
        super().__init__()
        self.swap = swap
        self.net = nn.Sequential(nn.Linear(2, 24), nn.Tanh(), nn.Linear(24, 4))
        nn.init.zeros_(self.net[-1].weight)
        nn.init.zeros_(self.net[-1].bias)

    def forward(self, x):
        a, b = x.chunk(2, 1)
        if self.swap:
            a, b = b, a
        s, t = self.net(a).chunk(2, 1)
        s = torch.tanh(s)
        b = b * s.exp() + t
        return torch.cat([b, a] if self.swap else [a, b], 1), s.sum(1)


class Flow(nn.Module):
    def __init__(self):
        super().__init__()
        self.steps = nn.ModuleList([Coupling(False), Coupling(True), Coupling(False)])

    def forward(self, x):
        total = x.new_zeros(len(x))
        for step in self.steps:
            x, volume = step(x)
            total = total + volume
        return -0.5 * (x**2 + math.log(2 * math.pi)).sum(1) + total


def make_batch(generator):
    z = torch.randn(16, 4, generator=generator)
    return torch.cat([z[:, :2], 0.5 * z[:, 2:] + z[:, :2] ** 2], 1)


def make_model():
    return Flow()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=5e-3)


def loss_fn(model, x):
    return -model(x).mean()
