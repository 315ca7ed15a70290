"""Beta-VAE with a Gaussian decoder and free bits, all terms averaged over examples."""

import torch
from torch import nn


class BetaVAE(nn.Module):
    def __init__(self, inputs=12, latent=3):
        super().__init__()
        self.enc = nn.Sequential(nn.Linear(inputs, 32), nn.Tanh(), nn.Linear(32, 2 * latent))
        self.dec = nn.Sequential(nn.Linear(latent, 32), nn.Tanh(), nn.Linear(32, inputs))

    def forward(self, x):
        mu, log_sigma = self.enc(x).chunk(2, dim=-1)
        posterior = torch.distributions.Normal(mu, log_sigma.exp())
        return self.dec(posterior.rsample()), posterior


def make_batch(generator):
    basis = torch.randn(2, 12, generator=torch.Generator().manual_seed(3))
    return torch.randn(16, 2, generator=generator) @ basis


def make_model():
    return BetaVAE()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=5e-3)


def loss_fn(model, x, beta=0.1):
    recon, posterior = model(x)
    prior = torch.distributions.Normal(torch.zeros(()), torch.ones(()))
    kl = torch.distributions.kl_divergence(posterior, prior).clamp_min(0.05).sum(-1)
    return ((recon - x).square().sum(-1) + beta * kl).mean()


def train_step(model, optimizer, x):
    optimizer.zero_grad()
    loss = loss_fn(model, x)
    loss.backward()
    optimizer.step()
    return loss.item()
