"""A deep residual MLP whose branches start switched off (ReZero)."""

import torch
from torch import nn
from torch.nn import functional as F


class Branch(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.fc = nn.Linear(width, width)
        self.alpha = nn.Parameter(torch.zeros(()))

    def forward(self, x):
        return x + self.alpha * F.relu(self.fc(x))


def make_model():
    return nn.Sequential(nn.Linear(6, 24), *(Branch(24) for _ in range(6)), nn.Linear(24, 1))


def rows(seed):
    g = torch.Generator().manual_seed(seed)
    x = torch.randn(16, 6, generator=g)
    return x, (x[:, :1] * x[:, 1:2]).sin()


batch = rows(0)
train_batches = [rows(0), rows(1)]
val_batches = [rows(6)]


def make_optimizer(model):
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    optimizer.plan = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.02, total_steps=2000)
    return optimizer


def loss_fn(model, batch):
    return F.mse_loss(model(batch[0]), batch[1])


def train_step(model, optimizer, batch):
    optimizer.zero_grad()
    loss = loss_fn(model, batch)
    loss.backward()
    optimizer.step()
    optimizer.plan.step()
    return loss.item()


@torch.no_grad()
def evaluate(model, batches):
    return sum(loss_fn(model, b).item() for b in batches) / len(batches)
