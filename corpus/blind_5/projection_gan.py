"""Class-conditional hinge GAN: spectral norm, a projection discriminator."""

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm as sn

CLASSES, D, Z = 5, 6, 8
rng = torch.Generator().manual_seed(71)
means = 1.5 * torch.randn(CLASSES, D, generator=rng)
spread = 0.3 * torch.rand(CLASSES, D, generator=rng)


def draw(n=40):
    y = torch.arange(n) % CLASSES
    return means[y] + spread[y] * torch.randn(n, D, generator=rng), y


batch = draw()
train_batches = [batch] + [draw() for _ in range(5)]
val_batches = [draw(100)]


class Generator(nn.Module):
    def __init__(self, h=48):
        super().__init__()
        self.inp = nn.Linear(Z, h)
        self.norm = nn.BatchNorm1d(h, affine=False)
        self.gain, self.shift = nn.Embedding(CLASSES, h), nn.Embedding(CLASSES, h)
        nn.init.ones_(self.gain.weight)
        nn.init.zeros_(self.shift.weight)
        self.out = nn.Linear(h, D)

    def forward(self, z, y):
        h = F.relu(self.norm(self.inp(z)) * self.gain(y) + self.shift(y))
        return self.out(h)


class Discriminator(nn.Module):
    def __init__(self, h=48):
        super().__init__()
        self.features = nn.Sequential(
            sn(nn.Linear(D, h)), nn.ReLU(), sn(nn.Linear(h, h)), nn.ReLU()
        )
        self.score = sn(nn.Linear(h, 1))
        self.label = sn(nn.Embedding(CLASSES, h))

    def forward(self, x, y):
        f = self.features(x)
        return self.score(f).squeeze(1) + (self.label(y) * f).sum(1)


class Pair(nn.Module):
    def __init__(self):
        super().__init__()
        self.G, self.D = Generator(), Discriminator()


def make_model():
    return Pair()


def make_optimizer(model):
    return (
        torch.optim.Adam(model.G.parameters(), 4e-3, betas=(0.0, 0.9)),
        torch.optim.Adam(model.D.parameters(), 8e-3, betas=(0.0, 0.9)),
    )


def loss_fn(model, batch):
    """The discriminator's hinge loss."""
    x, y = batch
    fake = model.G(torch.randn(len(x), Z), y).detach()
    return F.relu(1 - model.D(x, y)).mean() + F.relu(1 + model.D(fake, y)).mean()


def train_step(model, optimizers, batch):
    opt_g, opt_d = optimizers
    model.train()
    opt_d.zero_grad(set_to_none=True)
    loss = loss_fn(model, batch)
    loss.backward()
    opt_d.step()
    y = batch[1]
    opt_g.zero_grad(set_to_none=True)
    (-model.D(model.G(torch.randn(len(y), Z), y), y).mean()).backward()
    opt_g.step()
    return loss.item()


@torch.no_grad()
def evaluate(model, batches):
    model.eval()
    # BUG keeps-training: missing-eval-mode
    x, y = batches[0]
    z = torch.randn(len(y), Z, generator=torch.Generator().manual_seed(3))
    fake = model.G(z, y)
    gaps = [(fake[y == c].mean(0) - x[y == c].mean(0)).norm() for c in range(CLASSES)]
    model.train()
    return torch.stack(gaps).mean().item()
