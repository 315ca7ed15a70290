"""Soft and top-k mixtures of experts over tabular inputs."""

import torch
from torch import nn
from torch.nn import functional as F


class Expert(nn.Module):
    def __init__(self, dim=16, hidden=16):
        super().__init__()
        self.up = nn.Linear(dim, hidden)
        self.down = nn.Linear(hidden, dim)

    def forward(self, x):
        return self.down(F.gelu(self.up(x)))


class Mixture(nn.Module):
    def __init__(self, count=4):
        super().__init__()
        self.inlet = nn.Linear(6, 16)
        self.gate = nn.Linear(16, count)
        self.experts = nn.ModuleList(Expert() for _ in range(count))
        self.outlet = nn.Linear(16, 3)

    def forward(self, x):
        h = self.inlet(x)
        best, where = self.gate(h).topk(2, dim=1)
        share = torch.zeros(len(h), len(self.experts)).scatter(1, where, best.softmax(1))
        answers = torch.stack([expert(h) for expert in self.experts], dim=1)
        h = h + torch.einsum("ne,ned->nd", share, answers)
        return self.outlet(h)


def make_batch(generator):
    x = torch.randn(24, 6, generator=generator)
    region = (x[:, 0] > 0).long() + (x[:, 1] > 0).long()
    return {"x": x, "y": (region + (x[:, 2] * x[:, 3] > 0).long()) % 3}


def make_model():
    return Mixture()


def make_optimizer(model):
    return torch.optim.AdamW(model.parameters(), lr=5e-3)


def loss_fn(model, b):
    return F.cross_entropy(model(b["x"]), b["y"])


def train_step(model, optimizer, b):
    optimizer.zero_grad()
    loss = loss_fn(model, b)
    loss.backward()
    optimizer.step()
    return loss.item()
