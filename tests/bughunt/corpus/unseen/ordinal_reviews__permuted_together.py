"""Stars from one to five as cumulative logits (CORAL), features by a small residual MLP."""

import torch
from torch import nn
from torch.nn import functional as F

STARS = 5


class Residual(nn.Module):
    def __init__(self, dim):
        super().__init__()
        self.linear = nn.Linear(dim, dim)
        self.norm = nn.LayerNorm(dim)

    def forward(self, x):
        return x + F.relu(self.linear(self.norm(x)))


class Coral(nn.Module):
    def __init__(self, features=10, dim=24):
        super().__init__()
        self.inlet = nn.Linear(features, dim)
        self.blocks = nn.Sequential(Residual(dim), Residual(dim))
        self.score = nn.Linear(dim, 1, bias=False)
        self.thresholds = nn.Parameter(torch.arange(STARS - 1).float().neg() + 1.5)

    def forward(self, x):
        h = self.blocks(self.inlet(x))
        return self.score(h) + self.thresholds


def reviews(seed, n=20):
    g = torch.Generator().manual_seed(seed)
    x = torch.randn(n, 10, generator=g)
    stars = (x[:, 0] + x[:, 1] + 2.5).round().clamp(0, STARS - 1).long()
    return x, stars


batch = reviews(0)
train_batches = [reviews(0), reviews(1)]
val_batches = [reviews(30)]


def make_model():
    return Coral()


def make_optimizer(model):
    return torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)


def levels(stars):
    return (stars.unsqueeze(1) > torch.arange(STARS - 1)).float()


def loss_fn(model, batch):
    x, stars = batch
    order = torch.randperm(len(x))
    x, stars = x[order], stars[order]
    return F.binary_cross_entropy_with_logits(model(x), levels(stars))


def train_step(model, optimizer, batch):
    model.train()
    loss = loss_fn(model, batch)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


def evaluate(model, batches):
    model.eval()
    errors = []
    with torch.no_grad():
        for x, stars in batches:
            guess = (model(x) > 0).sum(1, keepdim=True)
            errors.append((guess.squeeze(1) - stars).abs().float().mean())
    return -torch.stack(errors).mean().item()
