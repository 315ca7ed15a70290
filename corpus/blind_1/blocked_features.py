"""Ordinary classifier whose features pass through several transforms."""

import torch
from torch import nn
from torch.nn import functional as F


class Stack(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(12, 32)
        self.second = nn.Linear(32, 32)
        self.third = nn.Linear(32, 5)

    def forward(self, x):
        x = torch.tanh(self.first(x))
        # BUG rounding: no-single-batch-overfit, constant-output, detached-graph
        #: x = torch.tanh(self.first(x)).long().float()
        x = x + torch.tanh(self.second(x))
        return self.third(x)


def table(seed, n=16):
    g = torch.Generator().manual_seed(seed)
    x = torch.randn(n, 12, generator=g)
    return x, x[:, :5].argmax(1)


batch = table(0)
train_batches = [table(0), table(1)]
val_batches = [table(8)]


def make_model():
    return Stack()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=0.01)
    # BUG decay: no-single-batch-overfit, bad-learning-rate
    #: return torch.optim.AdamW(model.parameters(), lr=0.01, weight_decay=60.0)


def loss_fn(model, batch):
    x, y = batch
    return F.cross_entropy(model(x), y)


def train_step(model, optimizer, batch):
    optimizer.zero_grad()
    loss = loss_fn(model, batch)
    loss.backward()
    optimizer.step()
    return loss.item()


def evaluate(model, batches):
    with torch.no_grad():
        return sum((model(x).argmax(1) == y).float().mean().item() for x, y in batches)
    # BUG finetunes: eval-mutates-model
    #: optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
    #: for b in batches:
    #:     loss_fn(model, b).backward()
    #:     optimizer.step()  #!
    #: return sum((model(x).argmax(1) == y).float().mean().item() for x, y in batches)
