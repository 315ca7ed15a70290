"""Gradient accumulation over micro-batches inside one step."""

import torch
from torch import nn
from torch.nn import functional as F


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 8, 3, stride=2, padding=1)
        self.norm = nn.GroupNorm(2, 8)
        self.fc = nn.Linear(8 * 16, 4)

    def forward(self, x):
        return self.fc(F.relu(self.norm(self.conv(x))).flatten(1))


def images(seed, n=12):
    g = torch.Generator().manual_seed(seed)
    y = torch.randint(0, 4, (n,), generator=g)
    x = torch.randn(n, 1, 8, 8, generator=g)
    x[torch.arange(n), 0, 2 * y] += 2
    return x, y


batch = images(0)
train_batches = [images(0), images(1), images(2)]
val_batches = [images(90)]


def make_model():
    return Net()


def make_optimizer(model):
    return torch.optim.SGD(model.parameters(), lr=0.1)


def loss_fn(model, batch):
    x, y = batch
    return F.cross_entropy(model(x), y)


def train_step(model, optimizer, batch, pieces=3):
    x, y = batch
    optimizer.zero_grad()
    # BUG never: missing-zero-grad
    for part in zip(x.chunk(pieces), y.chunk(pieces)):
        loss = loss_fn(model, part)
        # BUG each-part: missing-zero-grad
        #: loss = loss_fn(model, part)
        #: optimizer.zero_grad()  #!
        (loss / pieces).backward()
        # BUG per-epoch 0: missing-zero-grad
        #: optimizer.step()
    optimizer.step()
    return loss.item()


def evaluate(model, batches):
    with torch.no_grad():
        return sum((model(x).argmax(1) == y).float().mean().item() for x, y in batches)
