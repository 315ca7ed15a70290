"""Bayesian-ish regression: at evaluation everything is in eval() except the dropout layers,
whose samples are averaged on purpose; modes are restored."""

import torch
import torch.nn.functional as F
from torch import nn

g = torch.Generator().manual_seed(44)


def draw(n=48):
    x = torch.rand(n, 4, generator=g) * 2 - 1
    return x, 1 + x[:, :1] * x[:, 1:2] + torch.sin(3 * x[:, 2:3]) + 0.05 * torch.randn(
        n, 1, generator=g
    )


batch = draw()
val_batches = [draw(), draw()]


def make_model():
    return nn.Sequential(
        nn.Linear(4, 64, bias=False),
        nn.BatchNorm1d(64),
        nn.ReLU(),
        nn.Dropout(0.1),
        nn.Linear(64, 64),
        nn.ReLU(),
        nn.Dropout(0.1),
        nn.Linear(64, 1),
    )


def make_optimizer(model):
    return torch.optim.AdamW(model.parameters(), lr=5e-3)


def loss_fn(model, batch):
    x, y = batch
    return F.mse_loss(model(x), y)


def train_step(model, optimizer, batch):
    model.train()
    optimizer.zero_grad()
    loss = loss_fn(model, batch)
    loss.backward()
    optimizer.step()
    return loss.item()


@torch.no_grad()
def evaluate(model, batches, samples=8):
    modes = {m: m.training for m in model.modules()}
    model.eval()
    for m in model.modules():
        if isinstance(m, nn.Dropout):
            m.train()
    total = 0.0
    for x, y in batches:
        draws = torch.stack([model(x) for _ in range(samples)])
        total += F.mse_loss(draws.mean(0), y).item()
    for m, mode in modes.items():
        m.training = mode
    return total / len(batches)
