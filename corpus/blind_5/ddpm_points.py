"""Denoising diffusion of 2-D points; a step draws its times and its noise."""

import math

import torch
from torch import nn

STEPS = 50
source = torch.Generator().manual_seed(2006)
betas = torch.linspace(1e-3, 0.15, STEPS)
kept = torch.cumprod(1 - betas, 0)


def moons(n=64):
    a = math.pi * torch.rand(n, generator=source)
    upper = torch.rand(n, generator=source) < 0.5
    x = torch.where(upper, a.cos(), 1 - a.cos())
    y = torch.where(upper, a.sin(), 0.5 - a.sin())
    return torch.stack([x, y], 1) - 0.25 + 0.05 * torch.randn(n, 2, generator=source)


train_batches = [moons() for _ in range(10)]
batch = train_batches[0]
val_batches = [moons(256)]


class Denoiser(nn.Module):
    def __init__(self, h=64):
        super().__init__()
        self.when = nn.Embedding(STEPS, 16)
        self.net = nn.Sequential(
            nn.Linear(18, h), nn.SiLU(), nn.Linear(h, h), nn.SiLU(), nn.Linear(h, 2)
        )

    def forward(self, x, t):
        return self.net(torch.cat([x, self.when(t)], 1))


def corrupt(x, generator=None):
    t = torch.randint(0, STEPS, (len(x),), generator=generator)
    eps = torch.randn(x.shape, generator=generator)
    a = kept[t].unsqueeze(1)
    return a.sqrt() * x + (1 - a).sqrt() * eps, t, eps


def loss_fn(model, batch):
    noisy, t, eps = corrupt(batch)
    return (model(noisy, t) - eps).square().mean()


def make_model():
    return Denoiser()


def make_optimizer(model):
    return torch.optim.AdamW(model.parameters(), lr=4e-3)


def train_step(model, optimizer, batch):
    model.train()
    # BUG seeded: rng-reset
    #: torch.manual_seed(1234) #!
    #: model.train()
    loss = loss_fn(model, batch)
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    return loss.item()


@torch.no_grad()
def evaluate(model, batches):
    model.eval()
    noise = torch.Generator().manual_seed(9)
    out = []
    for x in batches:
        noisy, t, eps = corrupt(x, noise)
        out.append((model(noisy, t) - eps).square().mean().item())
    return sum(out) / len(out)
