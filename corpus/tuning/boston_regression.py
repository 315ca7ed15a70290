"""House prices: a small regressor with batch norm."""

import torch
from torch import nn


class Price(nn.Module):
    def __init__(self, features=8, width=24):
        super().__init__()
        self.hidden = nn.Linear(features, width, bias=False)
        # BUG bn: bias-before-batchnorm
        #: self.hidden = nn.Linear(features, width)
        self.norm = nn.BatchNorm1d(width)
        self.output = nn.Linear(width, 1)
        # BUG no-bias: missing-output-bias
        #: self.output = nn.Linear(width, 1, bias=False)

    def forward(self, x):
        return self.output(torch.tanh(self.norm(self.hidden(x)))).squeeze(-1)
        # BUG column: broadcast-loss
        #: return self.output(torch.tanh(self.norm(self.hidden(x))))


def houses(seed, n=16):
    g = torch.Generator().manual_seed(seed)
    x = torch.randn(n, 8, generator=g)
    return x, 22 + 3 * x[:, 0] - x[:, 1] + 0.2 * torch.randn(n, generator=g)


batch = houses(0)
train_batches = [houses(s) for s in range(3)]
val_batches = [houses(40), houses(41)]


def make_model():
    return Price()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=0.05)


def loss_fn(model, batch):
    x, y = batch
    return nn.functional.mse_loss(model(x), y)
    # BUG manual: broadcast-loss
    #: return torch.mean((model(x).unsqueeze(1) - y) ** 2)


def train_step(model, optimizer, batch):
    model.train()
    optimizer.zero_grad()
    loss = loss_fn(model, batch)
    loss.backward()
    optimizer.step()
    return loss.item()


@torch.no_grad()
def evaluate(model, batches):
    model.eval()
    residual = total = 0.0
    for x, y in batches:
        guess = model(x)
        # BUG r2: broadcast-metric
        #: guess = model(x).unsqueeze(-1)
        residual += (y - guess).square().sum().item()
        total += (y - y.mean()).square().sum().item()
    return 1 - residual / total
