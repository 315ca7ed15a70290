"""Temporal convolutional network that predicts the next value at every step."""

import torch
import torch.nn as nn
from torch.nn.utils.parametrizations import weight_norm


class Chomp1d(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.size = size

    def forward(self, x):
        return x[:, :, : -self.size].contiguous()
        # BUG chomp-start: causal-leak
        #: return x[:, :, self.size :].contiguous()


class TemporalBlock(nn.Module):
    def __init__(self, n_in, n_out, kernel, dilation, dropout=0.1):
        super().__init__()
        pad = (kernel - 1) * dilation
        self.conv1 = weight_norm(nn.Conv1d(n_in, n_out, kernel, padding=pad, dilation=dilation))
        self.conv2 = weight_norm(nn.Conv1d(n_out, n_out, kernel, padding=pad, dilation=dilation))
        self.net = nn.Sequential(
            self.conv1, Chomp1d(pad), nn.ReLU(), nn.Dropout(dropout),
            self.conv2, Chomp1d(pad), nn.ReLU(), nn.Dropout(dropout),
        )  # fmt: skip
        self.downsample = nn.Conv1d(n_in, n_out, 1) if n_in != n_out else nn.Identity()

    def forward(self, x):
        return torch.relu(self.net(x) + self.downsample(x))
        # BUG no-residual: unused-module
        #: return torch.relu(self.net(x))


class TCN(nn.Module):
    def __init__(self, channels=(16, 16, 16)):
        super().__init__()
        sizes = [2, *channels]
        self.register_buffer("offset", torch.tensor([20.0, 0.0]))
        self.network = nn.Sequential(
            *[TemporalBlock(a, b, 3, 2**i) for i, (a, b) in enumerate(zip(sizes[:-1], sizes[1:]))]
        )
        self.linear = nn.Linear(channels[-1], 1)
        # BUG no-bias: missing-output-bias
        #: self.linear = nn.Linear(channels[-1], 1, bias=False)

    def forward(self, x):
        """x: (batch, time, features)"""
        x = x - self.offset
        x = x.permute(0, 2, 1)
        # BUG reshape-in: view-instead-of-permute, causal-leak
        #: x = x.reshape(x.size(0), x.size(2), x.size(1))
        # FINE transposed: transpose, with a contiguous copy
        #: x = torch.transpose(x, 1, 2).contiguous()
        y = self.network(x)
        return self.linear(y.transpose(1, 2)).squeeze(-1)


def series(n, seed, length=30):
    g = torch.Generator().manual_seed(seed)
    t = torch.arange(length + 1.0)
    freq = 0.2 + 0.5 * torch.rand(n, 1, generator=g)
    phase = 6.28 * torch.rand(n, 1, generator=g)
    x = 20.0 + torch.sin(freq * t + phase) + 0.05 * torch.randn(n, length + 1, generator=g)
    feats = torch.stack([x[:, :-1], freq.expand(n, length)], dim=-1)
    return feats, x[:, 1:]


X, Y = series(16, 0)
batch = (X, Y)
val_batches = [series(16, 1), series(12, 2)]


def make_model():
    return TCN()


def loss_fn(model, batch):
    x, y = batch
    return nn.functional.mse_loss(model(x), y)


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=2e-2)


def train_step(model, optimizer, batch):
    optimizer.zero_grad()
    # BUG forgot: missing-zero-grad
    loss = loss_fn(model, batch)
    loss.backward()
    optimizer.step()


def evaluate(model, batches):
    model.eval()
    err, n = 0.0, 0
    with torch.no_grad():
        for x, y in batches:
            err += (model(x)[:, -1] - y[:, -1]).abs().mean().item() * len(y)
            # BUG keepdim: broadcast-metric
            #: err += (model(x)[:, -1] - y[:, -1:]).abs().mean().item() * len(y)
            n += len(y)
    model.train()
    # BUG stays-eval: missing-train-mode
    return err / n
