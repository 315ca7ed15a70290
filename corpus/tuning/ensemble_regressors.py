"""An ensemble whose members start differently."""

import copy

import torch
from torch import nn


def member():
    return nn.Sequential(nn.Linear(4, 16), nn.SiLU(), nn.Linear(16, 1))


class Ensemble(nn.Module):
    def __init__(self, size=4):
        super().__init__()
        self.members = nn.ModuleList(member() for _ in range(size))
        # BUG clones: shared-init, symmetric-init
        #: base = member()
        #: self.members = nn.ModuleList(copy.deepcopy(base) for _ in range(size))  #!
        # BUG same-seed: shared-init, rng-reset, symmetric-init
        #: self.members = nn.ModuleList()
        #: for _ in range(size):
        #:     torch.manual_seed(7)  #!
        #:     self.members.append(member())

    def forward(self, x):
        return torch.stack([m(x).squeeze(-1) for m in self.members])


def rows(seed):
    g = torch.Generator().manual_seed(seed)
    x = torch.randn(16, 4, generator=g)
    return x, 2 + torch.sin(2 * x[:, 0]) * x[:, 1]


batch = rows(0)
train_batches = [rows(0), rows(1)]
val_batches = [rows(11), rows(12)]
# BUG leaks: train-val-leak
#: val_batches = train_batches


def make_model():
    return Ensemble()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=0.01)


def loss_fn(model, batch):
    x, y = batch
    return (model(x) - y).square().mean()


def train_step(model, optimizer, batch):
    optimizer.zero_grad()
    loss = loss_fn(model, batch)
    loss.backward()
    optimizer.step()
    return loss.item()


@torch.no_grad()
def evaluate(model, batches):
    return sum((model(x).mean(0) - y).square().mean().item() for x, y in batches) / len(batches)
