"""VAE whose KL weight warms up from exactly 0 with the step number; evaluation uses the posterior mean."""

import torch
import torch.nn.functional as F
from torch import nn

g = torch.Generator().manual_seed(29)
dec = torch.randn(2, 16, generator=g)


def draw(n=32):
    p = torch.sigmoid(3 * torch.randn(n, 2, generator=g) @ dec)
    return (torch.rand(n, 16, generator=g) < p).float()


batch = draw()
val_batches = [draw(), draw()]


class VAE(nn.Module):
    def __init__(self, z=3, warm=20):
        super().__init__()
        self.enc = nn.Sequential(nn.Linear(16, 32), nn.SiLU(), nn.Linear(32, 2 * z))
        self.dec = nn.Sequential(nn.Linear(z, 32), nn.SiLU(), nn.Linear(32, 16))
        self.warm = warm
        self.register_buffer("step", torch.zeros((), dtype=torch.long))

    def forward(self, x):
        mu, logvar = self.enc(x).chunk(2, 1)
        z = mu + (0.5 * logvar).exp() * torch.randn_like(mu) if self.training else mu
        return self.dec(z), mu, logvar

    @property
    def beta(self):
        return min(1.0, self.step.item() / self.warm)


def make_model():
    return VAE()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=3e-3)


def loss_fn(model, batch, beta=None):
    logits, mu, logvar = model(batch)
    rec = F.binary_cross_entropy_with_logits(logits, batch, reduction="none").sum(1)
    kl = 0.5 * (mu**2 + logvar.exp() - 1 - logvar).sum(1)
    return (rec + (model.beta if beta is None else beta) * kl).mean()


def train_step(model, optimizer, batch):
    model.train()
    optimizer.zero_grad()
    loss = loss_fn(model, batch)
    loss.backward()
    optimizer.step()
    model.step += 1
    return loss.item()


@torch.no_grad()
def evaluate(model, batches):
    was = model.training
    model.eval()
    value = sum(loss_fn(model, b, beta=1.0).item() for b in batches) / len(batches)
    model.train(was)
    return value
