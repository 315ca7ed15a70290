"""Variational autoencoder on 8x8 grey glyphs."""

import torch
from torch import nn
from torch.nn import functional as F


class VAE(nn.Module):
    def __init__(self, latent=4):
        super().__init__()
        self.fc1 = nn.Linear(64, 48)
        self.fc21 = nn.Linear(48, latent)
        self.fc22 = nn.Linear(48, latent)
        self.fc3 = nn.Linear(latent, 48)
        self.fc4 = nn.Linear(48, 64)
        # BUG no-bias: missing-output-bias
        #: self.fc4 = nn.Linear(48, 64, bias=False)

    def encode(self, x):
        h1 = F.relu(self.fc1(x))
        return self.fc21(h1), self.fc22(h1)

    def reparameterize(self, mu, logvar):
        std = torch.exp(0.5 * logvar)
        eps = torch.randn_like(std)
        return mu + eps * std
        # BUG sample: detached-graph
        #: return torch.distributions.Normal(mu, std).sample()
        # FINE rsample: the reparameterised sample of the distribution
        #: return torch.distributions.Normal(mu, std).rsample()

    def decode(self, z):
        h3 = F.relu(self.fc3(z))
        return torch.sigmoid(self.fc4(h3))

    def forward(self, x):
        mu, logvar = self.encode(x.view(-1, 64))
        z = self.reparameterize(mu, logvar)
        return self.decode(z), mu, logvar


def glyphs(n, seed):
    g = torch.Generator().manual_seed(seed)
    proto = (torch.rand(6, 64, generator=torch.Generator().manual_seed(3)) < 0.12).float()
    pick = torch.randint(0, 6, (n,), generator=g)
    flips = (torch.rand(n, 64, generator=g) < 0.03).float()
    return (proto[pick] - flips).abs().clamp(0.05, 0.95).view(n, 1, 8, 8)


data = glyphs(96, 0)
batch = data[:32]
train_batches = [data[:32], data[32:64]]
val_batches = [data[64:]]
# BUG overlap: train-val-leak
#: val_batches = [data[16:48]]


def make_model():
    return VAE()


def loss_fn(model, x):
    recon_x, mu, logvar = model(x)
    BCE = F.binary_cross_entropy(recon_x, x.view(-1, 64), reduction="sum")
    # BUG logits-loss: sigmoid-into-bce-with-logits
    #: BCE = F.binary_cross_entropy_with_logits(recon_x, x.view(-1, 64), reduction="sum")
    # BUG swapped: swapped-loss-arguments
    #: BCE = F.binary_cross_entropy(x.view(-1, 64), recon_x, reduction="sum")
    KLD = -0.5 * torch.sum(1 + logvar - mu.pow(2) - logvar.exp())
    return (BCE + KLD) / x.size(0)


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=5e-3)


def train_step(model, optimizer, x):
    model.train()
    optimizer.zero_grad()
    loss = loss_fn(model, x)
    # BUG cleared 2: missing-zero-grad
    #: loss = loss_fn(model, x)
    loss.backward()
    optimizer.step()
    # BUG wiped: no-single-batch-overfit, missing-zero-grad
    #: optimizer.zero_grad()
    #: optimizer.step()
    return loss.item()


def evaluate(model, batches):
    model.eval()
    with torch.no_grad():
        total = sum(loss_fn(model, x).item() * len(x) for x in batches)
    return total / sum(len(x) for x in batches)
