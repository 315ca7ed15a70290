"""Density of two moons by an affine coupling flow."""

import math

import torch
from torch import nn


class Coupling(nn.Module):
    def __init__(self, flip):
        super().__init__()
        self.flip = flip
        self.net = nn.Sequential(nn.Linear(1, 24), nn.Tanh(), nn.Linear(24, 2))

    def forward(self, x):
        keep, change = x.flip(1).chunk(2, 1) if self.flip else x.chunk(2, 1)
        log_scale, shift = self.net(keep).chunk(2, dim=1)
        log_scale = torch.tanh(log_scale)
        change = change * log_scale.exp() + shift
        y = torch.cat([keep, change], 1)
        return (y.flip(1) if self.flip else y), log_scale.sum(1)
        # BUG whole-batch: batch-leak
        #: return (y.flip(1) if self.flip else y), log_scale.sum()  #!


class Flow(nn.Module):
    def __init__(self, depth=4):
        super().__init__()
        self.couplings = nn.ModuleList(Coupling(k % 2 == 1) for k in range(depth))
        # BUG tuple: unregistered-parameters
        #: self.couplings = tuple(Coupling(k % 2 == 1) for k in range(depth))
        self.log_spread = nn.Parameter(torch.zeros(2))
        # BUG fixed-spread: frozen-parameter
        #: self.log_spread = nn.Parameter(torch.zeros(2), requires_grad=False)

    def forward(self, x):
        """Log density of each row of `x`, shape (n,)."""
        total = self.log_spread.sum().expand(len(x))
        x = x * self.log_spread.exp()
        for coupling in self.couplings:
            x, change = coupling(x)
            total = total + change
        # BUG loop-once: unused-module
        #: for _ in self.couplings[1:]:
        #:     x, change = self.couplings[0](x)  #!
        #:     total = total + change
        return total - 0.5 * (x.square() + math.log(2 * math.pi)).sum(1)


def make_batch(generator):
    n = 32
    angle = math.pi * torch.rand(n, generator=generator)
    upper = torch.rand(n, generator=generator) < 0.5
    x = torch.where(upper, angle.cos(), 1 - angle.cos())
    y = torch.where(upper, angle.sin(), 0.5 - angle.sin())
    return torch.stack([x, y], 1) + 0.08 * torch.randn(n, 2, generator=generator)


def make_model():
    return Flow()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=0.01)


def loss_fn(model, x):
    return -model(x).mean()
    # BUG likelihood: wrong-loss-sign
    #: return model(x).mean()
    # FINE bits: bits per dimension
    #: return -model(x).mean() / (2 * math.log(2))


def train_step(model, optimizer, x):
    def closure():
        optimizer.zero_grad()
        # BUG closure-keeps: missing-zero-grad
        loss = loss_fn(model, x)
        loss.backward()
        return loss

    return optimizer.step(closure).item()  # ALSO closure-keeps
    # FINE two-updates: two updates on the same rows
    #: optimizer.step(closure)
    #: return optimizer.step(closure).item()
