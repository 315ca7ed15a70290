"""Least-squares GAN with spectral norm in the discriminator."""

import torch
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm


class LSGAN(nn.Module):
    def __init__(self):
        super().__init__()
        self.generator = nn.Sequential(nn.Linear(4, 24), nn.ReLU(), nn.Linear(24, 3))
        self.discriminator = nn.Sequential(
            spectral_norm(nn.Linear(3, 24)), nn.LeakyReLU(0.2), spectral_norm(nn.Linear(24, 1))
        )

    def forward(self, noise):
        return self.generator(noise)


def make_batch(generator):
    return {
        "real": torch.randn(16, 3, generator=generator) * 0.2 + torch.tensor([1.0, -1.0, 0.5]),
        "noise": torch.randn(16, 4, generator=generator),
    }


def make_model():
    return LSGAN()


def make_optimizer(model):
    return (
        torch.optim.Adam(model.generator.parameters(), lr=3e-3),
        torch.optim.Adam(model.discriminator.parameters(), lr=3e-3),
    )


def loss_fn(model, batch):
    return (model.discriminator(model(batch["noise"])) - 1).square().mean()


def train_step(model, optimizers, batch):
    opt_g, opt_d = optimizers
    for p in model.discriminator.parameters():
        p.requires_grad_(False)
    opt_g.zero_grad()
    loss_g = loss_fn(model, batch)
    loss_g.backward()
    opt_g.step()
    for p in model.discriminator.parameters():
        p.requires_grad_(True)
    opt_d.zero_grad()
    with torch.no_grad():
        fake = model(batch["noise"])
    real = model.discriminator(batch["real"])
    loss_d = (real - 1).square().mean() + model.discriminator(fake).square().mean()
    loss_d.backward()
    opt_d.step()
    return loss_g.item() + loss_d.item()
