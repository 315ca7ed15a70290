"""A top-2 mixture of experts in a feed-forward block."""

import torch
from torch import nn
from torch.nn import functional as F


class MoE(nn.Module):
    def __init__(self, width=12, experts=3, k=2):
        super().__init__()
        self.k = k
        self.router = nn.Linear(width, experts)
        self.experts = nn.ModuleList()
        for _ in range(experts):
            self.experts.append(
                nn.Sequential(nn.Linear(width, 24), nn.ReLU(), nn.Linear(24, width))
            )
        # BUG tuple 2: unregistered-parameters, optimizer-misses-parameters
        #: self.experts = tuple(
        #:     nn.Sequential(nn.Linear(width, 24), nn.ReLU(), nn.Linear(24, width)) for _ in range(experts)
        #: )

    def forward(self, x):
        weights, chosen = self.router(x).softmax(-1).topk(self.k, dim=-1)
        # BUG hard: detached-graph, unused-module
        #: chosen = self.router(x).topk(self.k, dim=-1).indices
        #: weights = torch.full(chosen.shape, 1 / self.k)
        weights = weights / weights.sum(-1, keepdim=True)
        # BUG across: wrong-softmax-dim, batch-leak
        #: weights = weights.softmax(0)
        out = torch.zeros_like(x)
        for e, expert in enumerate(self.experts):
            share = (weights * (chosen == e)).sum(-1, keepdim=True)
            out = out + share * expert(x)
        return out


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.enter = nn.Linear(8, 12)
        self.norm = nn.LayerNorm(12)
        self.moe = MoE()
        self.leave = nn.Linear(12, 4)

    def forward(self, x):
        h = F.relu(self.enter(x))
        return self.leave(h + self.moe(self.norm(h)))


def rows(seed):
    g = torch.Generator().manual_seed(seed)
    x = torch.randn(16, 8, generator=g)
    return x, x[:, :4].argmax(1)


batch = rows(0)
train_batches = [rows(0), rows(1)]
ablate = ("moe.router",)


def make_model():
    return Net()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=5e-3)


def loss_fn(model, batch):
    return F.cross_entropy(model(batch[0]), batch[1])


def train_step(model, optimizer, batch):
    loss = loss_fn(model, batch)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()
