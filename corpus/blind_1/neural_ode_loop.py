"""An Euler-integrated ODE block with shared weights over time."""

import torch
from torch import nn


class Field(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(width + 1, 32), nn.Tanh(), nn.Linear(32, width))

    def forward(self, t, x):
        return self.net(torch.cat([x, torch.full_like(x[:, :1], t)], 1))


class ODE(nn.Module):
    def __init__(self, width=6, steps=5):
        super().__init__()
        self.steps = steps
        self.lift = nn.Linear(2, width)
        self.field = Field(width)
        self.read = nn.Linear(width, 2)

    def forward(self, x):
        h = self.lift(x)
        for i in range(self.steps):
            h = h + self.field(i / self.steps, h) / self.steps
        return self.read(h)


def make_batch(generator):
    x = torch.randn(16, 2, generator=generator)
    turn = torch.tensor([[0.0, -1.0], [1.0, 0.0]])
    return x, x @ turn


def make_model():
    return ODE()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=0.01)


def loss_fn(model, batch):
    return nn.functional.mse_loss(model(batch[0]), batch[1])
