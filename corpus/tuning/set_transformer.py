"""Pooling by multi-head attention with masked elements."""

import torch
from torch import nn


class SetPool(nn.Module):
    def __init__(self, c=16):
        super().__init__()
        self.lift = nn.Sequential(nn.Linear(2, c), nn.ReLU())
        self.seed = nn.Parameter(torch.randn(1, 1, c))
        self.pool = nn.MultiheadAttention(c, 2, batch_first=True)
        self.out = nn.Linear(c, 1)

    def forward(self, items, mask):
        x = self.lift(items)
        pooled, _ = self.pool(self.seed.expand(len(x), -1, -1), x, x, key_padding_mask=~mask)
        return self.out(pooled.squeeze(1)).squeeze(-1)


def sets(seed, n=10, most=6):
    g = torch.Generator().manual_seed(seed)
    size = torch.randint(1, most + 1, (n,), generator=g)
    mask = torch.arange(most) < size[:, None]
    items = torch.randn(n, most, 2, generator=g).masked_fill(~mask[..., None], 0)
    high = items[..., 0].masked_fill(~mask, -9).amax(1)
    return {"items": items, "mask": mask, "highest": high}


batch = sets(0)
train_batches = [sets(0), sets(1)]
val_batches = [sets(60)]


def make_model():
    return SetPool()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=5e-3)


def loss_fn(model, b):
    return (model(b["items"], b["mask"]) - b["highest"]).square().mean()


def train_step(model, optimizer, b):
    optimizer.zero_grad()
    loss = loss_fn(model, b)
    loss.backward()
    optimizer.step()
    return loss.item()


@torch.no_grad()
def evaluate(model, batches):
    return sum(loss_fn(model, b).item() for b in batches)
