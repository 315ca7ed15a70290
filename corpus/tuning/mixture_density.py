"""A mixture density network for a multi-valued relation."""

import math

import torch
from torch import nn


class MDN(nn.Module):
    def __init__(self, parts=3):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(1, 24), nn.Tanh())
        self.weight = nn.Linear(24, parts)
        self.mean = nn.Linear(24, parts)
        self.scale = nn.Linear(24, parts)

    def forward(self, x):
        h = self.body(x)
        return self.weight(h).log_softmax(-1), self.mean(h), self.scale(h).clamp(-4, 4)


def make_batch(generator):
    y = torch.rand(16, 1, generator=generator) * 2 - 1
    x = y + 0.3 * torch.sin(2 * math.pi * y) + 0.05 * torch.randn(16, 1, generator=generator)
    return x, y


def make_model():
    return MDN()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=5e-3)


def loss_fn(model, batch):
    x, y = batch
    log_weight, mean, log_scale = model(x)
    each = -0.5 * ((y - mean) / log_scale.exp()) ** 2 - log_scale - 0.5 * math.log(2 * math.pi)
    return -torch.logsumexp(log_weight + each, dim=1).mean()
    # BUG underflow: nan-gradient
    #: density = (log_weight.exp() * (80 * each).exp()).sum(1)
    #: return -density.log().mean()  #!
    # BUG maximise: wrong-loss-sign
    #: return torch.logsumexp(log_weight + each, dim=1).mean()
    # BUG summed: loss-sum-vs-mean
    #: return -torch.logsumexp(log_weight + each, dim=1).sum() + mean.square().mean()


def train_step(model, optimizer, batch):
    optimizer.zero_grad()
    loss = loss_fn(model, batch)
    loss.backward()
    optimizer.step()
    return loss.item()
