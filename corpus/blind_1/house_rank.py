"""Scores of house pairs by a shared tower; price head without activation."""

import torch
from torch import nn
from torch.nn import functional as F


class Tower(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Linear(7, 24)
        self.b = nn.Linear(24, 24)
        self.price = nn.Linear(24, 1)
        # BUG centred: missing-output-bias
        #: self.price = nn.Linear(24, 1, bias=False)

    def forward(self, x):
        h = F.gelu(self.a(x))
        return self.price(F.layer_norm(F.gelu(self.b(h)), (24,)))
        # BUG floor: relu-on-logits, dead-relu, constant-output
        #: return -F.relu(self.price(F.layer_norm(F.gelu(self.b(h)), (24,))) + 1)


def houses(seed, n=12):
    g = torch.Generator().manual_seed(seed)
    x = torch.randn(n, 7, generator=g)
    return x, 25 + x[:, :2].sum(1, keepdim=True) + 0.1 * torch.randn(n, 1, generator=g)


batch = houses(0)
train_batches = [houses(0), houses(1)]
val_batches = [houses(12)]


def make_model():
    return Tower()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=0.05)


def loss_fn(model, batch):
    x, price = batch
    return F.l1_loss(model(x), price)
    # BUG squeezed: broadcast-loss
    #: return (model(x).squeeze() - price).abs().mean()


def train_step(model, optimizer, batch):
    optimizer.zero_grad()
    loss = loss_fn(model, batch)
    loss.backward()
    optimizer.step()
    return loss.item()


@torch.no_grad()
def evaluate(model, batches):
    mistakes = [(model(x)[:, 0] - y[:, 0]).square().mean() for x, y in batches]
    # BUG outer: broadcast-metric
    #: mistakes = [(model(x) - y[:, 0]).square().mean() for x, y in batches]
    return torch.stack(mistakes).mean().item()
