"""Conditional flow matching with class conditioning and label dropout."""

import torch
from torch import nn


class Velocity(nn.Module):
    def __init__(self, classes=3, width=32):
        super().__init__()
        self.label = nn.Embedding(classes + 1, 8)
        self.net = nn.Sequential(nn.Linear(2 + 1 + 8, width), nn.SiLU(), nn.Linear(width, 2))

    def forward(self, x, t, label):
        return self.net(torch.cat([x, t, self.label(label)], dim=1))


def make_batch(generator):
    label = torch.randint(0, 3, (16,), generator=generator)
    centre = torch.tensor([[0.0, 2.0], [2.0, 0.0], [-2.0, 0.0]])[label]
    return {"x": centre + 0.1 * torch.randn(16, 2, generator=generator), "label": label}


def make_model():
    return Velocity()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=3e-3)


def loss_fn(model, batch):
    x1 = batch["x"]
    x0 = torch.randn_like(x1)
    t = torch.rand(len(x1), 1)
    label = batch["label"]
    if model.training:
        label = torch.where(torch.rand(len(x1)) < 0.1, 3, label)
    return (model((1 - t) * x0 + t * x1, t, label) - (x1 - x0)).square().mean()
