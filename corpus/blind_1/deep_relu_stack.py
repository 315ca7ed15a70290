"""A deep plain network for spirals, initialised after He."""

import torch
from torch import nn
from torch.nn import functional as F


class Deep(nn.Module):
    def __init__(self, depth=8, width=24):
        super().__init__()
        sizes = [2] + [width] * depth
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in zip(sizes, sizes[1:]))
        self.last = nn.Linear(width, 2)
        for layer in self.layers:
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            # BUG equal: symmetric-init
            #: nn.init.constant_(layer.weight, 0.05)
            # BUG huge: exploding-gradient, bad-learning-rate, nan-gradient
            #: nn.init.normal_(layer.weight, std=6.0)
            nn.init.zeros_(layer.bias)
            # BUG drowned: dead-relu, constant-output
            #: nn.init.constant_(layer.bias, -30.0)

    def forward(self, x):
        for layer in self.layers:
            x = F.relu(layer(x))
            # BUG squeezed: vanishing-gradient
            #: x = torch.sigmoid(layer(x) / 8)
        return self.last(x)


def spirals(seed, n=16):
    g = torch.Generator().manual_seed(seed)
    r = torch.rand(n, generator=g) * 2
    y = torch.randint(0, 2, (n,), generator=g)
    a = 3 * r + 3.1416 * y
    return torch.stack([r * a.cos(), r * a.sin()], 1), y


batch = spirals(0)
train_batches = [spirals(0), spirals(1)]


def make_model():
    return Deep()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=1e-3)


def loss_fn(model, batch):
    return F.cross_entropy(model(batch[0]), batch[1])


def train_step(model, optimizer, batch):
    optimizer.zero_grad()
    loss = loss_fn(model, batch)
    loss.backward()
    optimizer.step()
    return loss.item()
