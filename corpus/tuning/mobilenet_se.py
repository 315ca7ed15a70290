"""Inverted residuals with squeeze-and-excitation gates."""

import torch
from torch import nn
from torch.nn import functional as F


class Excite(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.down, self.up = nn.Linear(c, 4), nn.Linear(4, c)

    def forward(self, x):
        gate = torch.sigmoid(self.up(F.relu(self.down(x.mean((2, 3))))))
        return x * gate[:, :, None, None]


def conv_bn(a, b, k, groups=1):
    return nn.Sequential(
        nn.Conv2d(a, b, k, padding=k // 2, groups=groups, bias=False), nn.BatchNorm2d(b)
    )


class Inverted(nn.Module):
    def __init__(self, c, expand=2):
        super().__init__()
        self.expand = conv_bn(c, expand * c, 1)
        self.depth = conv_bn(expand * c, expand * c, 3, groups=expand * c)
        self.gate = Excite(expand * c)
        self.project = conv_bn(expand * c, c, 1)

    def forward(self, x):
        y = F.hardswish(self.expand(x))
        y = self.gate(F.hardswish(self.depth(y)))
        return x + self.project(y)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = conv_bn(3, 8, 3)
        self.body = Inverted(8)
        self.head = nn.Linear(8, 3)

    def forward(self, x):
        return self.head(self.body(F.hardswish(self.stem(x))).mean((2, 3)))


def images(seed, n=12):
    g = torch.Generator().manual_seed(seed)
    y = torch.randint(0, 3, (n,), generator=g)
    x = 0.6 * torch.randn(n, 3, 6, 6, generator=g)
    x[torch.arange(n), y] += 1
    return x, y


batch = images(0)
train_batches = [images(0), images(1)]
val_batches = [images(7)]
ablate = ("body.gate",)


def make_model():
    return Net()


def make_optimizer(model):
    return torch.optim.RMSprop(model.parameters(), lr=2e-3, momentum=0.9)


def loss_fn(model, batch):
    x, y = batch
    return F.cross_entropy(model(x), y)


def train_step(model, optimizer, batch):
    model.train()
    optimizer.zero_grad()
    loss = loss_fn(model, batch)
    loss.backward()
    optimizer.step()
    return loss.item()


@torch.no_grad()
def evaluate(model, batches):
    model.eval()
    return sum((model(x).argmax(1) == y).float().mean().item() for x, y in batches)
