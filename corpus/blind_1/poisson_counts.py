"""Counts per shop: Poisson regression with a log-rate output."""

import torch
from torch import nn
from torch.nn import functional as F


class Rates(nn.Module):
    def __init__(self):
        super().__init__()
        self.shop = nn.Embedding(6, 4)
        self.net = nn.Sequential(nn.Linear(4 + 3, 24), nn.ELU(), nn.Linear(24, 1))

    def forward(self, shop, x):
        return self.net(torch.cat([self.shop(shop), x], 1)).squeeze(1)


def days(seed, n=16):
    g = torch.Generator().manual_seed(seed)
    shop = torch.randint(0, 6, (n,), generator=g)
    x = torch.randn(n, 3, generator=g)
    rate = torch.exp(0.3 * shop.float() + 0.4 * x[:, 0])
    return {"shop": shop, "x": x, "count": torch.poisson(rate, generator=g)}


batch = days(0)
train_batches = [days(0), days(1)]
val_batches = [days(33)]


def make_model():
    return Rates()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=0.01)


def loss_fn(model, b):
    return F.poisson_nll_loss(model(b["shop"], b["x"]), b["count"], log_input=True)


def train_step(model, optimizer, b):
    optimizer.zero_grad()
    loss = loss_fn(model, b)
    loss.backward()
    optimizer.step()
    return loss.item()


def evaluate(model, batches):
    model.eval()
    with torch.no_grad():
        value = sum((model(b["shop"], b["x"]).exp() - b["count"]).abs().mean() for b in batches)
    model.train()
    return value.item() / len(batches)
