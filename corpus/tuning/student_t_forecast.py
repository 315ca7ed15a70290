"""Probabilistic forecasts: an LSTM writes the parameters of a Student-t."""

import torch
from torch import nn
from torch.nn import functional as F


class DeepAR(nn.Module):
    def __init__(self):
        super().__init__()
        self.rnn = nn.LSTM(1, 16, batch_first=True)
        self.out = nn.Linear(16, 3)

    def forward(self, series):
        h, _ = self.rnn(series.unsqueeze(-1))
        loc, scale, df = self.out(h).unbind(-1)
        return torch.distributions.StudentT(2 + F.softplus(df), loc, F.softplus(scale) + 1e-3)


def series(seed, n=8):
    g = torch.Generator().manual_seed(seed)
    t = torch.arange(11) * 0.6 + torch.rand(n, 1, generator=g) * 6
    return t.sin() + 0.1 * torch.randn(n, 11, generator=g)


batch = series(0)
train_batches = [series(0), series(1)]
val_batches = [series(13)]


def make_model():
    return DeepAR()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=0.01)


def loss_fn(model, x):
    return -model(x[:, :-1]).log_prob(x[:, 1:]).mean()


def train_step(model, optimizer, x):
    optimizer.zero_grad()
    loss = loss_fn(model, x)
    loss.backward()
    optimizer.step()
    return loss.item()


def evaluate(model, batches):
    with torch.no_grad():
        return sum(loss_fn(model, x).item() for x in batches)
