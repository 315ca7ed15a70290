"""A small PointNet: clouds of points are classified by shape, whatever the order of the points."""

import math

import torch
import torch.nn.functional as F
from torch import nn

POINTS, SHAPES = 24, 3


def clouds(n, seed):
    g = torch.Generator().manual_seed(seed)
    y = torch.randint(SHAPES, (n,), generator=g)
    u = torch.randn(n, POINTS, 3, generator=g)
    ball = u / u.norm(dim=-1, keepdim=True)
    a = 2 * math.pi * torch.rand(n, POINTS, generator=g)
    ring = torch.stack([a.cos(), a.sin(), torch.zeros_like(a)], dim=-1)
    stick = torch.stack([torch.zeros_like(a), torch.zeros_like(a), a.cos()], dim=-1)
    xyz = torch.stack([ball, ring, stick])[y, torch.arange(n)]
    return {"xyz": xyz + 0.05 * torch.randn(n, POINTS, 3, generator=g), "shape": y}


class PointNet(nn.Module):
    def __init__(self, width=24):
        super().__init__()
        self.point = nn.ModuleList(
            [nn.Conv1d(3, width, 1, bias=False), nn.Conv1d(width, width, 1, bias=False)]
        )
        # BUG pointbias: bias-before-batchnorm
        #: self.point = nn.ModuleList([nn.Conv1d(3, width, 1, bias=False), nn.Conv1d(width, width, 1)])
        self.norms = nn.ModuleList([nn.BatchNorm1d(width) for _ in range(2)])
        # BUG loosenorms: unregistered-parameters, missing-eval-mode, optimizer-misses-parameters
        #: self.norms = [nn.BatchNorm1d(width) for _ in range(2)]
        self.head = nn.Linear(width, SHAPES)

    def forward(self, xyz):
        x = xyz.transpose(1, 2)
        # BUG xyzview: view-instead-of-permute
        #: x = xyz.view(len(xyz), 3, -1)
        for conv, norm in zip(self.point, self.norms):
            x = F.relu(norm(conv(x)))
        return self.head(x.amax(dim=2))
        # BUG batchmax: batch-leak
        #: pooled = x.amax(dim=2)
        #: return self.head(pooled - pooled.mean(dim=0)) #!
        # FINE flatpool: the points are merged with the batch and pooled from there
        #: flat = x.transpose(1, 2).reshape(-1, x.shape[1])
        #: return self.head(flat.view(len(xyz), -1, x.shape[1]).amax(1))


def loss_fn(model, batch):
    return F.cross_entropy(model(batch["xyz"]), batch["shape"])


def make_model():
    return PointNet()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=1e-2)


def train_step(model, optimizer, batch):
    """Gradients of two calls add up before the weights move."""
    model.train()
    model.calls = getattr(model, "calls", 0) + 1
    loss = loss_fn(model, batch) / 2
    loss.backward()
    if model.calls % 2 == 0:
        optimizer.step()
        optimizer.zero_grad()
        # BUG never: missing-zero-grad
    return loss.item()


def evaluate(model, batches):
    model.eval()
    with torch.no_grad():
        right = [model(b["xyz"]).argmax(1).eq(b["shape"]).float().mean() for b in batches]
    model.train()
    return torch.stack(right).mean().item()


batch = clouds(20, 0)
val_batches = [clouds(20, 66), clouds(20, 67)]
