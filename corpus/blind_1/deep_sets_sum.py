"""Sets of different size, padded and masked, summed by DeepSets."""

import torch
from torch import nn


class DeepSets(nn.Module):
    def __init__(self):
        super().__init__()
        self.phi = nn.Sequential(nn.Linear(2, 24), nn.ReLU(), nn.Linear(24, 12))
        self.rho = nn.Sequential(nn.Linear(12, 24), nn.ReLU(), nn.Linear(24, 1))

    def forward(self, items, mask):
        pooled = (self.phi(items) * mask.unsqueeze(-1)).sum(1)
        return self.rho(pooled).squeeze(-1)


def sets(seed, n=12, most=6):
    g = torch.Generator().manual_seed(seed)
    size = torch.randint(2, most + 1, (n,), generator=g)
    mask = torch.arange(most) < size[:, None]
    items = torch.randn(n, most, 2, generator=g) * mask.unsqueeze(-1)
    return {"items": items, "mask": mask, "total": items.prod(-1).sum(1) + size}


batch = sets(0)
train_batches = [sets(0), sets(1)]
val_batches = [sets(10)]


def make_model():
    return DeepSets()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=5e-3)


def loss_fn(model, b):
    return (model(b["items"], b["mask"]) - b["total"]).pow(2).mean()


def train_step(model, optimizer, b):
    optimizer.zero_grad()
    loss = loss_fn(model, b)
    loss.backward()
    optimizer.step()
    return loss.item()


@torch.no_grad()
def evaluate(model, batches):
    return sum(loss_fn(model, b).item() for b in batches) / len(batches)
