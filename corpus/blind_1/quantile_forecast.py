"""Three quantiles at once with the pinball loss."""

import torch
from torch import nn

LEVELS = torch.tensor([0.1, 0.5, 0.9])


class Quantiles(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk = nn.utils.parametrizations.weight_norm(nn.Linear(4, 32))
        self.out = nn.Linear(32, 3)

    def forward(self, x):
        raw = self.out(torch.tanh(self.trunk(x)))
        return torch.cat([raw[:, :1], raw[:, :1] + nn.functional.softplus(raw[:, 1:]).cumsum(1)], 1)


def history(seed):
    g = torch.Generator().manual_seed(seed)
    x = torch.randn(16, 4, generator=g)
    return x, x[:, 0] + x[:, 1].exp() * torch.randn(16, generator=g) * 0.3


batch = history(0)
train_batches = [history(0), history(1)]
val_batches = [history(8)]


def make_model():
    return Quantiles()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=0.01)


def loss_fn(model, batch):
    x, y = batch
    gap = y.unsqueeze(1) - model(x)
    return torch.maximum(LEVELS * gap, (LEVELS - 1) * gap).mean()


def train_step(model, optimizer, batch):
    loss = loss_fn(model, batch)
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
    return loss.item()


def evaluate(model, batches):
    with torch.no_grad():
        inside = [((y > model(x)[:, 0]) & (y < model(x)[:, 2])).float().mean() for x, y in batches]
    return torch.stack(inside).mean().item()
