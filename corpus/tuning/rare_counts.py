"""Counts of rare events with a log link and an exposure offset."""

import torch
from torch import nn
from torch.nn import functional as F


class Counts(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(4, 16), nn.Tanh())
        self.rate = nn.Linear(16, 3)
        # BUG centred: missing-output-bias
        #: self.rate = nn.Linear(16, 3, bias=False)
        self.norm = nn.BatchNorm1d(16)

    def forward(self, x):
        return self.rate(self.norm(self.body(x)))


def days(seed, n=16):
    g = torch.Generator().manual_seed(seed)
    x = torch.randn(n, 4, generator=g)
    rate = torch.exp(4.0 + 0.2 * x[:, :3])
    return x, torch.poisson(rate, generator=g)


batch = days(0)
train_batches = [days(0), days(1)]
val_batches = [days(27)]


def make_model():
    model = Counts()
    nn.init.constant_(model.rate.bias, 4.0)
    # BUG centred: missing-output-bias
    return model


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=0.01)


def loss_fn(model, batch):
    log_rate = model(batch[0])
    return F.poisson_nll_loss(log_rate, batch[1])
    # BUG twisted: swapped-loss-arguments
    #: return F.poisson_nll_loss(batch[1].clamp_min(1).log(), log_rate.exp())


def train_step(model, optimizer, batch):
    model.train()
    optimizer.zero_grad()
    loss = loss_fn(model, batch)
    loss.backward()
    optimizer.step()
    return loss.item()


def evaluate(model, batches):
    model.eval()
    with torch.no_grad():
        return sum(loss_fn(model, b).item() for b in batches)
    # BUG updates: eval-mutates-model, missing-eval-mode
    #: for module in model.modules():
    #:     if isinstance(module, nn.BatchNorm1d):
    #:         module.train()  #!
    #: with torch.no_grad():
    #:     return sum(loss_fn(model, b).item() for b in batches)
