"""Variational autoencoder on small binary pictures."""

import torch
import torch.nn as nn
import torch.nn.functional as F


class VAE(nn.Module):
    def __init__(self, pixels=36, hidden=32, latent=4):
        super().__init__()
        self.enc = nn.Linear(pixels, hidden)
        self.mu = nn.Linear(hidden, latent)
        self.logvar = nn.Linear(hidden, latent)
        self.dec = nn.Sequential(nn.Linear(latent, hidden), nn.ReLU(), nn.Linear(hidden, pixels))

    def encode(self, x):
        h = F.relu(self.enc(x))
        return self.mu(h), self.logvar(h)

    def forward(self, x):
        mu, logvar = self.encode(x)
        z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
        # BUG cut: detached-graph
        #: z = (mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)).data
        return self.dec(z), mu, logvar


def faces(seed, n=16):
    g = torch.Generator().manual_seed(seed)
    mask = torch.rand(3, 36, generator=torch.Generator().manual_seed(9)) > 0.5
    which = torch.randint(0, 3, (n,), generator=g)
    flip = torch.rand(n, 36, generator=g) < 0.03
    return (mask[which] ^ flip).float()


batch = faces(0)
train_batches = [faces(0), faces(1)]


def make_model():
    return VAE()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), 3e-3)


def loss_fn(model, x):
    logits, mu, logvar = model(x)
    recon = F.binary_cross_entropy_with_logits(logits, x, reduction="sum") / len(x)
    # BUG summed: loss-sum-vs-mean
    #: recon = F.binary_cross_entropy_with_logits(logits, x, reduction="sum")
    # BUG logged: nan-gradient
    #: p = torch.sigmoid(40 * logits)
    #: recon = -(x * p.log() + (1 - x) * (1 - p).log()).sum(1).mean()  #!
    kl = -0.5 * (1 + logvar - mu.pow(2) - logvar.exp()).sum(dim=1).mean()
    return recon + kl
    # BUG sign: wrong-loss-sign
    #: return kl - recon


def train_step(model, optimizer, x):
    optimizer.zero_grad()
    loss = loss_fn(model, x)
    loss.backward()
    optimizer.step()
    return loss.item()
