"""Survival analysis with the Cox partial likelihood (a loss over the whole batch)."""

import torch
from torch import nn


class Risk(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(5, 16), nn.Tanh(), nn.Linear(16, 1, bias=False))

    def forward(self, x):
        return self.net(x).squeeze(-1)


def patients(seed, n=20):
    g = torch.Generator().manual_seed(seed)
    x = torch.randn(n, 5, generator=g)
    time = torch.exp(-x[:, 0]) * (-torch.rand(n, generator=g).log())
    event = torch.rand(n, generator=g) < 0.8
    return {"x": x, "time": time, "event": event}


batch = patients(0)
train_batches = [patients(0), patients(1)]
val_batches = [patients(3)]


def make_model():
    return Risk()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=0.01)


def loss_fn(model, b):
    order = b["time"].argsort(descending=True)
    risk, event = model(b["x"])[order], b["event"][order]
    return -((risk - torch.logcumsumexp(risk, 0)) * event).sum() / event.sum()


def train_step(model, optimizer, b):
    optimizer.zero_grad()
    loss = loss_fn(model, b)
    loss.backward()
    optimizer.step()
    return loss.item()


@torch.no_grad()
def evaluate(model, batches):
    right = pairs = 0
    for b in batches:
        risk, time = model(b["x"]), b["time"]
        earlier = (time[:, None] < time[None]) & b["event"][:, None]
        right += ((risk[:, None] > risk[None]) & earlier).sum().item()
        pairs += earlier.sum().item()
    return right / pairs
