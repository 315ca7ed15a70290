"""A Wasserstein critic with gradient penalty (its output bias has no influence)."""

import torch
from torch import nn


class WGAN(nn.Module):
    def __init__(self):
        super().__init__()
        self.g = nn.Sequential(nn.Linear(3, 24), nn.ReLU(), nn.Linear(24, 2))
        self.c = nn.Sequential(nn.Linear(2, 24), nn.Softplus(), nn.Linear(24, 1))

    def forward(self, z):
        return self.g(z)


def make_batch(generator):
    return {
        "real": torch.randn(16, 2, generator=generator) * 0.3 + 1,
        "z": torch.randn(16, 3, generator=generator),
    }


def make_model():
    return WGAN()


def make_optimizer(model):
    return [
        torch.optim.Adam(model.c.parameters(), lr=2e-3, betas=(0.0, 0.9)),
        torch.optim.Adam(model.g.parameters(), lr=1e-3, betas=(0.0, 0.9)),
    ]


def penalty(critic, real, fake):
    mix = torch.rand(len(real), 1)
    point = (mix * real + (1 - mix) * fake).requires_grad_()
    (slope,) = torch.autograd.grad(critic(point).sum(), point, create_graph=True)
    return ((slope.norm(dim=1) - 1) ** 2).mean()


def loss_fn(model, batch):
    return -model.c(model(batch["z"])).mean()


def train_step(model, optimizer, batch):
    critic, generator = optimizer
    for _ in range(2):
        fake = model(batch["z"]).detach()
        gap = model.c(fake).mean() - model.c(batch["real"]).mean()
        critic.zero_grad()
        (gap + 10 * penalty(model.c, batch["real"], fake)).backward()
        critic.step()
    generator.zero_grad()
    loss = loss_fn(model, batch)
    loss.backward()
    generator.step()
    return loss.item()
