"""Forecasting several sensors: trend and remainder, a linear map over time for each."""

import math

import torch
from torch import nn
from torch.nn import functional as F

PAST, AHEAD, SENSORS = 16, 4, 5


def windows(n, seed):
    g = torch.Generator().manual_seed(seed)
    t = torch.arange(PAST + AHEAD).float()
    phase = 2 * math.pi * torch.rand(n, 1, SENSORS, generator=g)
    period = torch.linspace(6, 14, SENSORS)
    wave = torch.sin(2 * math.pi * t[None, :, None] / period + phase)
    level = 20.0 + 0.3 * torch.randn(n, 1, SENSORS, generator=g)
    series = level + wave + 0.05 * torch.randn(n, PAST + AHEAD, SENSORS, generator=g)
    return {"past": series[:, :PAST], "future": series[:, PAST:]}


class DLinear(nn.Module):
    def __init__(self, kernel=5):
        super().__init__()
        self.pad = kernel // 2
        self.pool = nn.AvgPool1d(kernel, stride=1)
        self.trend = nn.Linear(PAST, AHEAD)
        self.season = nn.Linear(PAST, AHEAD)
        self.dropout = nn.Dropout(0.05)
        self.scale = nn.Parameter(torch.ones(SENSORS))
        self.offset = nn.Parameter(torch.zeros(SENSORS))

    def forward(self, past):
        centre = past.mean(1, keepdim=True)
        x = past - centre
        # BUG inplace: inplace-data-mutation
        #: x = past.sub_(centre)
        x = x.permute(0, 2, 1)
        # BUG sensorview: view-instead-of-permute
        #: x = x.reshape(len(x), SENSORS, PAST)
        # FINE swapaxes: another name for a transpose
        #: x = x.swapaxes(-1, -2).contiguous()
        trend = self.pool(F.pad(x, (self.pad, self.pad), mode="replicate"))
        y = self.trend(trend) + self.season(self.dropout(x - trend))
        y = y.transpose(1, 2) * self.scale + self.offset
        return y + centre
        # BUG squashed: no-single-batch-overfit, constant-output, vanishing-gradient
        #: return torch.sigmoid(y + centre)


def loss_fn(model, batch):
    return F.smooth_l1_loss(model(batch["past"]), batch["future"])


def make_model():
    return DLinear()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=1e-2)
    # BUG hotlr: bad-learning-rate, no-single-batch-overfit
    #: return torch.optim.SGD(model.parameters(), lr=20.0, momentum=0.9)


def train_step(model, optimizer, batch):
    model.train()
    loss = loss_fn(model, batch)
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
    return loss.item()


def evaluate(model, batches):
    model.eval()
    with torch.no_grad():
        mae = [(model(b["past"]) - b["future"]).abs().mean().item() for b in batches]
    return sum(mae) / len(mae)


batch = windows(20, 0)
train_batches = [windows(20, s) for s in (1, 2)]
val_batches = [windows(20, s) for s in (31, 32)]
# BUG overlap: train-val-leak
#: val_batches = [windows(20, s) for s in (2, 3)]
