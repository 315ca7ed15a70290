"""An autoencoder with random codes, and its loss."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn
from torch.distributions import Normal, kl_divergence

X = torch.rand(16, 6, generator=torch.Generator().manual_seed(0))


class Coder(nn.Module):
    def __init__(self, draw):
        super().__init__()
        self.enc, self.mu, self.log_sigma = nn.Linear(6, 16), nn.Linear(16, 2), nn.Linear(16, 2)
        self.dec = nn.Linear(2, 6)
        self.draw = draw

    def forward(self, x):
        h = torch.tanh(self.enc(x))
        mu, sigma = self.mu(h), self.log_sigma(h).exp()
        z = self.draw(mu, sigma)
        return self.dec(z), mu, sigma, z


def by_hand(mu, sigma):
    return mu + sigma * torch.randn_like(mu)


def bound(model, x, sign=1.0):
    guess, mu, sigma, _ = model(x)
    divergence = kl_divergence(Normal(mu, sigma), Normal(0.0, 1.0)).sum(1).mean()
    return F.mse_loss(guess, x) + sign * divergence
