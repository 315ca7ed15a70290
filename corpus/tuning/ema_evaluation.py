"""An exponential moving average evaluated through a separate copy."""

import copy

import torch
from torch import nn
from torch.nn import functional as F


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(8, 24, bias=False), nn.BatchNorm1d(24), nn.ReLU(), nn.Linear(24, 3)
        )
        self.ema = copy.deepcopy(self.net).requires_grad_(False)

    def forward(self, x):
        return self.net(x)

    @torch.no_grad()
    def update(self, decay=0.9):
        for slow, fast in zip(self.ema.parameters(), self.net.parameters()):
            slow.copy_(decay * slow + (1 - decay) * fast)
        for slow, fast in zip(self.ema.buffers(), self.net.buffers()):
            slow.copy_(fast)


def rows(seed):
    g = torch.Generator().manual_seed(seed)
    x = torch.randn(16, 8, generator=g)
    return x, x[:, :3].argmax(1)


batch = rows(0)
train_batches = [rows(0), rows(1)]
val_batches = [rows(5)]


def make_model():
    return Model()


def make_optimizer(model):
    return torch.optim.Adam(model.net.parameters(), lr=0.01)


def loss_fn(model, batch):
    return F.cross_entropy(model(batch[0]), batch[1])


def train_step(model, optimizer, batch):
    model.net.train()
    loss = loss_fn(model, batch)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    model.update()
    return loss.item()


@torch.no_grad()
def evaluate(model, batches):
    model.ema.eval()
    return sum((model.ema(x).argmax(1) == y).float().mean().item() for x, y in batches)
