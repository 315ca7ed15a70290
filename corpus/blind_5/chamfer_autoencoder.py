"""Autoencoder of small point clouds, trained with the symmetric chamfer distance."""

import torch
from torch import nn

P = 20
g = torch.Generator().manual_seed(33)


def clouds(n=12):
    axes = 0.3 + torch.rand(n, 1, 3, generator=g)
    pts = torch.randn(n, P, 3, generator=g)
    return axes * pts / pts.norm(dim=-1, keepdim=True)


train_batches = [clouds() for _ in range(6)]
batch = train_batches[0]
val_batches = [clouds(32)]


class PointAE(nn.Module):
    def __init__(self, code=16):
        super().__init__()
        self.encode = nn.Sequential(
            nn.Conv1d(3, 32, 1), nn.ReLU(), nn.Conv1d(32, 64, 1), nn.ReLU(), nn.Conv1d(64, code, 1)
        )
        self.decode = nn.Sequential(nn.Linear(code, 96), nn.ReLU(), nn.Linear(96, 3 * P))

    def forward(self, pts):
        channels = pts.transpose(1, 2)
        # BUG scrambled: view-instead-of-permute
        #: channels = pts.reshape(len(pts), 3, P)
        code = self.encode(channels).amax(-1)
        return self.decode(code).view(-1, P, 3)


def chamfer(a, b):
    d = torch.cdist(a, b).square()
    return d.amin(1).mean() + d.amin(2).mean()


def make_model():
    return PointAE()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=3e-3)


def loss_fn(model, batch):
    return chamfer(model(batch), batch)


def evaluate(model, batches):
    with torch.inference_mode():
        return sum(chamfer(model(b), b).item() for b in batches) / len(batches)
