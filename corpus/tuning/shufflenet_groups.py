"""Grouped 1x1 convolutions with channel shuffles between them."""

import torch
from torch import nn
from torch.nn import functional as F


class Shuffle(nn.Module):
    def __init__(self, groups):
        super().__init__()
        self.groups = groups

    def forward(self, x):
        n, c, h, w = x.size()
        x = x.view(n, self.groups, c // self.groups, h, w)
        x = torch.transpose(x, 1, 2).contiguous()
        return x.view(n, -1, h, w)


class Unit(nn.Module):
    def __init__(self, c=12, groups=3):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(c, c, 1, groups=groups, bias=False),
            nn.BatchNorm2d(c),
            nn.ReLU(),
            Shuffle(groups),
            nn.Conv2d(c, c, 3, padding=1, groups=c, bias=False),
            nn.BatchNorm2d(c),
            nn.Conv2d(c, c, 1, groups=groups, bias=False),
            nn.BatchNorm2d(c),
        )

    def forward(self, x):
        return F.relu(x + self.body(x))


def make_model():
    return nn.Sequential(
        nn.Conv2d(2, 12, 3, padding=1),
        Unit(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(12, 3),
    )


def images(seed, n=10):
    g = torch.Generator().manual_seed(seed)
    y = torch.randint(0, 3, (n,), generator=g)
    x = torch.randn(n, 2, 5, 5, generator=g)
    x[:, 0] += y[:, None, None] - 1.0
    return x, y


batch = images(0)
train_batches = [images(0), images(1)]


def make_optimizer(model):
    return torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)


def loss_fn(model, batch):
    return F.cross_entropy(model(batch[0]), batch[1])


def train_step(model, optimizer, batch):
    model.train()
    optimizer.zero_grad()
    loss = loss_fn(model, batch)
    loss.backward()
    optimizer.step()
    return loss.item()
