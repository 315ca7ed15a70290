"""Mixture density network, full logsumexp over components; multi-valued target."""

import math

import torch
import torch.nn.functional as F
from torch import nn

g = torch.Generator().manual_seed(27)


def draw(n=64):
    t = torch.rand(n, 1, generator=g)
    x = t + 0.3 * torch.sin(2 * math.pi * t) + 0.05 * torch.randn(n, 1, generator=g)
    return x, t  # the inverse problem has several answers


batch = draw()
val_batches = [draw()]


class MDN(nn.Module):
    def __init__(self, k=4):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(1, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh())
        self.weight, self.mean, self.scale = nn.Linear(32, k), nn.Linear(32, k), nn.Linear(32, k)

    def forward(self, x):
        h = self.body(x)
        return self.weight(h).log_softmax(-1), self.mean(h), F.softplus(self.scale(h)) + 1e-2


def make_model():
    return MDN()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=1e-2)


def loss_fn(model, batch):
    x, t = batch
    logw, mu, sd = model(x)
    # (N, 1) against (N, K): one target under every component
    logp = -0.5 * ((t - mu) / sd) ** 2 - sd.log() - 0.5 * math.log(2 * math.pi)
    return -torch.logsumexp(logw + logp, dim=-1).mean()


def train_step(model, optimizer, batch):
    def closure():
        optimizer.zero_grad()
        loss = loss_fn(model, batch)
        loss.backward()
        return loss

    return optimizer.step(closure).item()


@torch.no_grad()
def evaluate(model, batches):
    return sum(loss_fn(model, b).item() for b in batches) / len(batches)
