"""Denoising diffusion in 2-d: random noise level per example, zero-initialised output layer, antithetic noise
accumulated over two backward passes on purpose, EMA network used for evaluation."""

import copy

import torch
import torch.nn.functional as F
from torch import nn

g = torch.Generator().manual_seed(53)
corners = torch.tensor([[1.0, 1], [1, -1], [-1, 1], [-1, -1]])


def draw(n=64):
    return corners[torch.randint(0, 4, (n,), generator=g)] + 0.05 * torch.randn(n, 2, generator=g)


batch = draw()
val_batches = [draw()]


class Denoiser(nn.Module):
    def __init__(self, steps=20):
        super().__init__()
        self.register_buffer("keep", torch.cumprod(1 - torch.linspace(0.01, 0.3, steps), 0))
        self.net = nn.Sequential(
            nn.Linear(4, 48), nn.SiLU(), nn.Linear(48, 48), nn.SiLU(), nn.Linear(48, 2)
        )
        nn.init.zeros_(self.net[-1].weight)
        nn.init.zeros_(self.net[-1].bias)
        self.ema = copy.deepcopy(self.net).requires_grad_(False)

    def error(self, net, x, t, eps):
        a = self.keep[t].unsqueeze(1)
        noisy = a.sqrt() * x + (1 - a).sqrt() * eps
        return F.mse_loss(net(torch.cat([noisy, a.sqrt(), (1 - a).sqrt()], 1)), eps)


def make_model():
    return Denoiser()


def make_optimizer(model):
    return torch.optim.Adam(model.net.parameters(), lr=3e-3)


def sample_noise(model, x):
    return torch.randint(0, len(model.keep), (len(x),)), torch.randn_like(x)


def loss_fn(model, batch):
    t, eps = sample_noise(model, batch)
    return (model.error(model.net, batch, t, eps) + model.error(model.net, batch, t, -eps)) / 2


def train_step(model, optimizer, batch, decay=0.95):
    t, eps = sample_noise(model, batch)
    optimizer.zero_grad()
    total = 0.0
    for sign in (1, -1):
        loss = model.error(model.net, batch, t, sign * eps) / 2
        loss.backward()
        total += loss.item()
    optimizer.step()
    with torch.no_grad():
        for e, p in zip(model.ema.parameters(), model.net.parameters()):
            e.lerp_(p, 1 - decay)
    return total


@torch.no_grad()
def evaluate(model, batches, seed=0):
    gen = torch.Generator().manual_seed(seed)  # same noise at every evaluation
    total = 0.0
    for x in batches:
        t = torch.randint(0, len(model.keep), (len(x),), generator=gen)
        total += model.error(model.ema, x, t, torch.randn(x.shape, generator=gen)).item()
    return total / len(batches)
