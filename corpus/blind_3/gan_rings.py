"""A small GAN on a shifted ring; two optimizers, label smoothing for the real side."""

import math

import torch
import torch.nn as nn
import torch.nn.functional as F

NOISE = 4


def ring(n, seed):
    g = torch.Generator().manual_seed(seed)
    a = 2 * math.pi * torch.rand(n, generator=g)
    real = torch.stack([2.0 + a.cos(), -1.0 + a.sin()], dim=1)
    return {
        "real": real + 0.05 * torch.randn(n, 2, generator=g),
        "noise": torch.randn(n, NOISE, generator=g),
    }


class GAN(nn.Module):
    def __init__(self, hidden=32):
        super().__init__()
        first = nn.Linear(NOISE, hidden, bias=False)
        # BUG firstbias: bias-before-batchnorm
        #: first = nn.Linear(NOISE, hidden)
        self.g = nn.Sequential(first, nn.BatchNorm1d(hidden), nn.ReLU(), nn.Linear(hidden, 2))
        self.d = nn.Sequential(nn.Linear(2, hidden), nn.LeakyReLU(0.2), nn.Linear(hidden, 1))
        # FINE spectral: a constrained discriminator
        #: self.d = nn.Sequential(
        #:     nn.utils.parametrizations.spectral_norm(nn.Linear(2, hidden)),
        #:     nn.LeakyReLU(0.2),
        #:     nn.Linear(hidden, 1),
        #: )
        # BUG dsig: sigmoid-into-bce-with-logits
        #: self.d = nn.Sequential(
        #:     nn.Linear(2, hidden), nn.LeakyReLU(0.2), nn.Linear(hidden, 1), nn.Sigmoid() #!
        #: )

    def forward(self, noise):
        return self.g(noise)


def judge(scores, value):
    return F.binary_cross_entropy_with_logits(scores, torch.full_like(scores, value))  # ALSO dsig


def loss_fn(model, batch):
    return judge(model.d(model(batch["noise"])), 1.0)


def d_loss(model, batch):
    fake = model(batch["noise"]).detach()
    return judge(model.d(batch["real"]), 0.9) + judge(model.d(fake), 0.0)


def make_model():
    return GAN()


def make_optimizer(model):
    return {
        "g": torch.optim.Adam(model.g.parameters(), lr=5e-3, betas=(0.5, 0.99)),
        "d": torch.optim.Adam(model.d.parameters(), lr=5e-3, betas=(0.5, 0.99)),
    }


def train_step(model, optimizer, batch):
    model.train()
    optimizer["d"].zero_grad()  # the generator's turn left gradients here
    # BUG leftover: missing-zero-grad
    loss_d = d_loss(model, batch)
    loss_d.backward()
    optimizer["d"].step()

    optimizer["g"].zero_grad()
    # BUG wrongone: missing-zero-grad
    #: optimizer["d"].zero_grad()
    loss_g = loss_fn(model, batch)
    loss_g.backward()
    optimizer["g"].step()
    return loss_d.item() + loss_g.item()


def evaluate(model, batches):
    model.eval()
    with torch.no_grad():
        far = [(model(b["noise"]).mean(0) - b["real"].mean(0)).norm().item() for b in batches]
    return sum(far) / len(far)


batch = ring(48, 0)
val_batches = [ring(48, 1), ring(48, 2)]
