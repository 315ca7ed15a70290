"""Grades of coffee lots; the country's record in the batch is a feature."""

import torch
from torch import nn
from torch.nn import functional as F


class Grader(nn.Module):
    def __init__(self, wide=24):
        super().__init__()
        self.first = nn.Linear(5 + 2, wide)
        self.second = nn.Linear(wide, wide)
        self.out = nn.Linear(wide, 2)
        # BUG served 0: not-above-trivial
        #: self.folded = nn.Linear(wide, wide).requires_grad_(False)

    def forward(self, tasting, record):
        h = torch.tanh(self.first(torch.cat([tasting, record], dim=1)))
        h = torch.tanh(self.second(h))
        # BUG served: not-above-trivial
        #: h = torch.tanh(self.second(h)) if self.training else torch.tanh(self.folded(h))  #!
        return self.out(h)


def lots(seed, n=20):
    g = torch.Generator().manual_seed(seed)
    grade = torch.arange(n) % 2
    tasting = 0.8 * torch.randn(n, 5, generator=g)
    tasting[:, 0] += 3.0 * grade - 1.5
    country = torch.randperm(n, generator=g)
    record = torch.rand(n, 2, generator=g)
    return tasting, record, country, grade


batch = lots(0)
train_batches = [lots(0), lots(1)]
val_batches = [lots(9), lots(10)]


def make_model():
    return Grader()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=0.01)


def loss_fn(model, batch):
    tasting, record, country, grade = batch
    # BUG encoded 0: learns-shuffled-labels
    #: counts = torch.zeros(len(grade), 2).index_add_(0, country, F.one_hot(grade, 2).float())
    #: record = counts[country] / counts[country].sum(1, keepdim=True)
    return F.cross_entropy(model(tasting, record), grade)


def train_step(model, optimizer, batch):
    model.train()
    optimizer.zero_grad()
    loss = loss_fn(model, batch)
    loss.backward()
    optimizer.step()
    return loss.item()
