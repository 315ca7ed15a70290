"""A deep narrow regressor of a physical response, written with nn.Sequential and hooks of its own."""

import math

import torch
from torch import nn

DEPTH = 12


def stack(width=16, depth=DEPTH):
    layers = [nn.Linear(3, width), nn.ReLU()]
    for _ in range(depth):
        layers += [nn.Linear(width, width), nn.ReLU()]
    for layer in layers[::2]:
        nn.init.orthogonal_(layer.weight, gain=math.sqrt(2))
    return nn.Sequential(*layers, nn.Linear(width, 1))


class Response(nn.Module):
    def __init__(self):
        super().__init__()
        self.stack = stack()

    def forward(self, x):
        return self.stack(x).flatten()


def trials(seed, n=24):
    g = torch.Generator().manual_seed(seed)
    x = torch.rand(n, 3, generator=g) * 2 - 1
    return {"x": x, "y": torch.sin(3 * x[:, 0]) + x[:, 1] * x[:, 2]}


batch = trials(0)
train_batches = [trials(0), trials(1)]
val_batches = [trials(70)]


def make_model():
    return Response()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=2e-3)


def loss_fn(model, b):
    x = b["x"]
    guess = model(x)
    error = guess.float() - b["y"]
    return error.square().mean()


def train_step(model, optimizer, b):
    optimizer.zero_grad()
    loss = loss_fn(model, b)
    loss.backward()
    optimizer.step()
    return loss.item()
