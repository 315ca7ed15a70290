"""Heteroscedastic regression; at evaluation the dropout stays on on purpose (Monte Carlo), batch norm does not."""

import torch
import torch.nn.functional as F
from torch import nn

g = torch.Generator().manual_seed(1506)


def curve(n=48):
    x = torch.rand(n, 2, generator=g) * 4 - 2
    noise = 0.1 + 0.3 * (x[:, 0] > 0)
    return x, torch.sin(2 * x[:, 0]) + x[:, 1].abs() + noise * torch.randn(n, generator=g)


train_batches = [curve() for _ in range(8)]
batch = train_batches[0]
val_batches = [curve(96)]


class Net(nn.Module):
    def __init__(self, h=48):
        super().__init__()
        self.body = nn.Sequential(
            nn.Linear(2, h),
            nn.BatchNorm1d(h),
            nn.ReLU(),
            nn.Dropout(0.1),
            nn.Linear(h, h),
            nn.ReLU(),
            nn.Dropout(0.1),
        )
        self.mean, self.log_var = nn.Linear(h, 1), nn.Linear(h, 1)

    def forward(self, x):
        h = self.body(x)
        return self.mean(h).squeeze(1), self.log_var(h).squeeze(1).clamp(-6, 3)


def make_model():
    return Net()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=5e-3)


def loss_fn(model, batch):
    x, y = batch
    mean, log_var = model(x)
    return F.gaussian_nll_loss(mean, y, log_var.exp())


def train_step(model, optimizer, batch):
    model.train()
    loss = loss_fn(model, batch)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


@torch.no_grad()
def evaluate(model, batches, samples=20):
    model.eval()
    for m in model.modules():
        if isinstance(m, nn.Dropout):
            m.train()
    scores = []
    for x, y in batches:
        draws = [model(x) for _ in range(samples)]
        means = torch.stack([m for m, _ in draws])
        variance = means.var(0) + torch.stack([v.exp() for _, v in draws]).mean(0)
        scores.append(F.gaussian_nll_loss(means.mean(0), y, variance).item())
    model.train()
    return sum(scores) / len(scores)
