"""A variational autoencoder of points on a noisy ring."""

import math

import torch
from torch import nn
from torch.nn import functional

BETA = 0.01


class Encoder(nn.Module):
    def __init__(self, width=24, latent=2):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(4, width), nn.SiLU())
        self.mean = nn.Linear(width, latent)
        self.log_variance = nn.Linear(width, latent)

    def forward(self, x):
        hidden = self.body(x)
        return self.mean(hidden), self.log_variance(hidden)


class Decoder(nn.Module):
    def __init__(self, width=24, latent=2):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(latent, width), nn.Linear(width, 4)])

    def forward(self, z):
        hidden = functional.silu(self.layers[0](z))
        return self.layers[1](hidden)


class Autoencoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = Encoder()
        self.decoder = Decoder()

    def sample(self, mean, log_variance):
        noise = torch.randn_like(mean)
        return mean + noise * torch.exp(0.5 * log_variance)

    def forward(self, x):
        mean, log_variance = self.encoder(x)
        return self.decoder(self.sample(mean, log_variance)), mean, log_variance


def make_ring(n):
    angle = torch.linspace(0, 2 * math.pi, n)
    points = [angle.cos(), angle.sin(), (2 * angle).cos(), (2 * angle).sin()]
    return torch.stack(points, dim=1)


def corrupt(x):
    return x + 0.05 * torch.randn(x.shape)


def divergence(mean, log_variance):
    per_entry = mean**2 + log_variance.exp() - 1 - log_variance
    return 0.5 * per_entry.sum(dim=1).mean()


def objective(model, x):
    output, mean, log_variance = model(corrupt(x))
    reconstruction = functional.mse_loss(output, x)
    return reconstruction + BETA * divergence(mean, log_variance)


def train(model, data, steps):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    for step in range(steps):
        batch = data[torch.randperm(len(data))[:64]]
        loss = objective(model, batch)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        if step == steps // 2:
            optimizer.param_groups[0]["lr"] = 0.05


def reconstruction_error(model, data):
    model.eval()
    with torch.no_grad():
        mean, _ = model.encoder(data)
        return functional.l1_loss(model.decoder(mean), data).item()


def run(mlregress):
    data = make_ring(256)
    model = Autoencoder()
    train(model, data, steps=160)
    mlregress.record("error", reconstruction_error(model, data), higher_is_better=False)
