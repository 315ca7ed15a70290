"""Distances between pairs, trained with a contrastive margin."""

import torch
from torch import nn
from torch.nn import functional as F


class Siamese(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Sequential(nn.Linear(6, 24), nn.ReLU(), nn.Linear(24, 4))

    def forward(self, a, b):
        difference = self.embed(a) - self.embed(b)
        return torch.sqrt(difference.square().sum(-1) + 1e-8)
        # BUG root: nan-gradient
        #: return torch.sqrt(difference.square().sum(-1))


def pairs(seed, n=12):
    g = torch.Generator().manual_seed(seed)
    a = torch.randn(n, 6, generator=g)
    same = torch.arange(n) % 2 == 0
    b = torch.where(same[:, None], a + 0.1 * torch.randn(n, 6, generator=g), a.roll(1, 0))
    b[0] = a[0]
    return a, b, same.float()


batch = pairs(0)
train_batches = [pairs(0), pairs(1)]
val_batches = [pairs(4)]


def make_model():
    return Siamese()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=5e-3)


def loss_fn(model, batch):
    a, b, same = batch
    d = model(a, b)
    return (same * d.pow(2) + (1 - same) * F.relu(1.0 - d).pow(2)).mean()


def train_step(model, optimizer, batch):
    optimizer.zero_grad()
    loss = loss_fn(model, batch)
    loss.backward()
    optimizer.step()
    return loss.item()


@torch.no_grad()
def evaluate(model, batches):
    right = 0.0
    for a, b, same in batches:
        guess = (model(a, b) < 0.5).float()
        right += (guess == same).float().mean().item()
        # BUG matrix: broadcast-metric
        #: right += (guess.unsqueeze(1) == same).float().mean().item()
    return right / len(batches)
