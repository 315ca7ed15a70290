"""Cosine classifier with an additive angular margin on the right class."""

import torch
from torch import nn
from torch.nn import functional as F


class ArcFace(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(10, 32), nn.PReLU(), nn.Linear(32, 8))
        self.centres = nn.Parameter(torch.randn(5, 8))

    def forward(self, x):
        return F.linear(F.normalize(self.body(x)), F.normalize(self.centres))


def people(seed):
    g = torch.Generator().manual_seed(seed)
    y = torch.randint(0, 5, (16,), generator=g)
    centre = torch.randn(5, 10, generator=torch.Generator().manual_seed(99))
    return centre[y] + 0.4 * torch.randn(16, 10, generator=g), y


batch = people(0)
train_batches = [people(0), people(1)]
val_batches = [people(5)]


def make_model():
    return ArcFace()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=0.01)


def loss_fn(model, batch, scale=8.0, margin=0.2):
    x, y = batch
    cosine = model(x).clamp(-1 + 1e-6, 1 - 1e-6)
    right = torch.cos(torch.acos(cosine) + margin)
    return F.cross_entropy(scale * torch.where(F.one_hot(y, 5).bool(), right, cosine), y)


def train_step(model, optimizer, batch):
    loss = loss_fn(model, batch)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


@torch.no_grad()
def evaluate(model, batches):
    return sum((model(x).argmax(1) == y).float().mean().item() for x, y in batches)
