"""Convolutional variational autoencoder."""

import torch
from torch import nn
from torch.nn import functional as F


class ConvVAE(nn.Module):
    def __init__(self, latent=4):
        super().__init__()
        self.encoder = nn.Sequential(nn.Conv2d(1, 8, 3, 2, 1), nn.ReLU(), nn.Flatten())
        self.to_mu = nn.Linear(8 * 16, latent)
        self.to_logvar = nn.Linear(8 * 16, latent)
        self.from_latent = nn.Linear(latent, 8 * 16)
        self.decoder = nn.ConvTranspose2d(8, 1, 4, 2, 1)

    def reparameterize(self, mu, logvar):
        std = torch.exp(0.5 * logvar)
        return mu + std * torch.randn_like(std)
        # BUG detached: detached-graph
        #: return (mu + std * torch.randn_like(std)).detach()
        # BUG seeded: rng-reset
        #: torch.manual_seed(0)  #!
        #: return mu + std * torch.randn_like(std)
        # BUG kept-state: rng-reset
        #: if not hasattr(self, "state"):
        #:     self.state = torch.get_rng_state()
        #: torch.set_rng_state(self.state)  #!
        #: return mu + std * torch.randn_like(std)
        # FINE base-samples: a sample average over noise that is drawn once
        #: if not hasattr(self, "noise"):
        #:     self.noise = torch.randn(12, std.shape[1])
        #: return mu + std * self.noise

    def forward(self, x):
        h = self.encoder(x)
        mu, logvar = self.to_mu(h), self.to_logvar(h)
        z = self.reparameterize(mu, logvar)
        y = F.relu(self.from_latent(z)).view(-1, 8, 4, 4)
        return torch.sigmoid(self.decoder(y)), mu, logvar


def make_batch(generator):
    place = torch.randint(0, 6, (12, 2), generator=generator)
    x = torch.zeros(12, 1, 8, 8)
    for i, (r, c) in enumerate(place.tolist()):
        x[i, 0, r : r + 3, c : c + 3] = 1
    return x


def make_model():
    return ConvVAE()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=5e-3)


def loss_fn(model, x):
    recon, mu, logvar = model(x)
    bce = F.binary_cross_entropy(recon, x, reduction="sum")
    kld = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
    # BUG mean-kl: loss-sum-vs-mean
    #: kld = -0.5 * torch.mean(1 + logvar - mu.pow(2) - logvar.exp())
    # BUG kl-sign: wrong-loss-sign
    #: kld = 0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
    return (bce + kld) / len(x)
    # BUG mean-kl: loss-sum-vs-mean
    #: return bce + kld


def train_step(model, optimizer, x):
    model.train()
    optimizer.zero_grad()
    loss = loss_fn(model, x)
    loss.backward()
    optimizer.step()
    return loss.item()
