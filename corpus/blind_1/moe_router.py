"""A soft mixture of experts for regression."""

import torch
from torch import nn


class Expert(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.up = nn.Linear(width, 2 * width)
        self.down = nn.Linear(2 * width, width)

    def forward(self, x):
        return self.down(torch.relu(self.up(x)))


class Mixture(nn.Module):
    def __init__(self, width=12, experts=3):
        super().__init__()
        self.inlet = nn.Linear(6, width)
        self.router = nn.Linear(width, experts)  # ALSO dull-gate
        self.experts = nn.ModuleList([Expert(width) for _ in range(experts)])
        # BUG same: shared-init
        #: self.experts = nn.ModuleList([Expert(width)] * experts)
        self.outlet = nn.Linear(width, 1)
        # BUG spare 0: unused-module
        #: self.shortcut = nn.Linear(6, 1)

    def forward(self, x):
        h = torch.tanh(self.inlet(x))
        gate = self.router(h).softmax(dim=-1)
        # BUG over-examples: wrong-softmax-dim, batch-leak
        #: gate = self.router(h).softmax(dim=0)
        # BUG dull-gate: unused-module, detached-graph
        #: gate = torch.full_like(self.router(h), 1 / 3)
        parts = torch.stack([expert(h) for expert in self.experts], dim=1)
        return self.outlet(h + torch.einsum("be,bew->bw", gate, parts)).squeeze(-1)


def table(seed, n=16):
    g = torch.Generator().manual_seed(seed)
    x = torch.randn(n, 6, generator=g)
    return x, torch.where(x[:, 0] > 0, x[:, 1], -x[:, 2])


batch = table(0)
train_batches = [table(0), table(1)]
ablate = ("router",)


def make_model():
    return Mixture()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=5e-3)


def loss_fn(model, batch):
    x, y = batch
    return nn.functional.mse_loss(model(x), y)


def train_step(model, optimizer, batch):
    optimizer.zero_grad()
    loss = loss_fn(model, batch)
    loss.backward()
    optimizer.step()
    return loss.item()
