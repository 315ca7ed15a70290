"""A GAN on a two-dimensional ring."""

import torch
from torch import nn
from torch.nn import functional as F


class Generator(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Linear(4, 24), nn.ReLU(), nn.Linear(24, 2))


class Critic(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Linear(2, 24), nn.LeakyReLU(0.2), nn.Linear(24, 1))


class Rings(nn.Module):
    def __init__(self):
        super().__init__()
        self.g = Generator()
        self.d = Critic()

    def forward(self, z):
        return self.g(z)


def make_batch(generator):
    angle = torch.rand(16, generator=generator) * 6.2832
    ring = torch.stack([angle.cos(), angle.sin()], dim=1)
    return {"real": ring, "z": torch.randn(16, 4, generator=generator)}


def make_model():
    return Rings()


def make_optimizer(model):
    return {
        "d": torch.optim.Adam(model.d.parameters(), lr=1e-3, betas=(0.5, 0.99)),
        "g": torch.optim.Adam(model.g.parameters(), lr=1e-3, betas=(0.5, 0.99)),
    }
    # BUG crossed: optimizer-misses-parameters
    #: return {
    #:     "d": torch.optim.Adam(model.d.parameters(), lr=1e-3, betas=(0.5, 0.99)),
    #:     "g": torch.optim.Adam(model.d.parameters(), lr=1e-3, betas=(0.5, 0.99)),  #!
    #: }


def loss_fn(model, batch):
    return F.softplus(-model.d(model(batch["z"]))).mean()


def train_step(model, optimizer, batch):
    fake = model(batch["z"])
    real_loss = F.softplus(-model.d(batch["real"])).mean()
    fake_loss = F.softplus(model.d(fake.detach())).mean()
    optimizer["d"].zero_grad()
    # BUG wrong-one: missing-zero-grad
    #: optimizer["g"].zero_grad()
    (real_loss + fake_loss).backward()
    optimizer["d"].step()
    optimizer["g"].zero_grad()
    loss = F.softplus(-model.d(fake)).mean()
    # BUG severed: detached-graph
    #: loss = F.softplus(-model.d(fake.detach())).mean()
    loss.backward()
    optimizer["g"].step()
    return {"d": (real_loss + fake_loss).item(), "g": loss.item()}
