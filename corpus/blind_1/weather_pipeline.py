"""Temperature from station readings, with augmentation and normalisation in the step."""

import numpy as np
import torch
from torch import nn


class Station(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(5, 24, bias=False), nn.BatchNorm1d(24), nn.SiLU())
        self.out = nn.Linear(24, 1)

    def forward(self, x):
        return self.out(self.net(x))[:, 0]


def readings(seed, n=16):
    g = torch.Generator().manual_seed(seed)
    x = 3 + 2 * torch.randn(n, 5, generator=g)
    return x, x[:, 0] - 0.5 * x[:, 3] + 0.1 * torch.randn(n, generator=g)


batch = readings(0)
train_batches = [readings(s) for s in (0, 1, 2)]
val_batches = [readings(s) for s in (20, 21)]
# BUG overlap: train-val-leak
#: val_batches = [(torch.cat([x[:8], readings(20)[0][:8]]), torch.cat([y[:8], readings(20)[1][:8]])) for x, y in train_batches[:2]]


def make_model():
    return Station()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=0.02)


def normalise(x):
    return (x - 3) / 2
    # BUG in-place: inplace-data-mutation
    #: return x.sub_(3).div_(2)


def augment(x):
    return x + 0.01 * torch.randn_like(x)
    # BUG numpy: nondeterministic
    #: return x + 0.05 * torch.as_tensor(np.random.default_rng().normal(size=x.shape)).float()
    # BUG fixed-noise: rng-reset
    #: torch.manual_seed(1234)  #!
    #: return x + 0.01 * torch.randn_like(x)


def loss_fn(model, batch):
    x, y = batch
    return (model(normalise(x)) - y).square().mean()


def train_step(model, optimizer, batch):
    model.train()
    x, y = batch
    loss = loss_fn(model, (augment(x), y))
    # BUG in-place: inplace-data-mutation
    #: loss = loss_fn(model, (x, y))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


def evaluate(model, batches):
    model.eval()
    # BUG adapts: eval-mutates-model, missing-eval-mode
    #: model.train()
    with torch.no_grad():
        errors = [loss_fn(model, b).item() for b in batches]
    return float(np.mean(errors))
