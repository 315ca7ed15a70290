"""A gated causal convolution stack with weight norm; the last residual is unused."""

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import weight_norm


class Gated(nn.Module):
    def __init__(self, width, dilation):
        super().__init__()
        self.dilation = dilation
        self.conv = weight_norm(nn.Conv1d(width, 2 * width, 2, dilation=dilation))
        self.skip = nn.Conv1d(width, width, 1)

    def forward(self, x):
        a, b = self.conv(F.pad(x, (self.dilation, 0))).chunk(2, 1)
        h = torch.tanh(a) * torch.sigmoid(b)
        return x + h, self.skip(h)


class WaveNet(nn.Module):
    def __init__(self, vocab=8, width=12):
        super().__init__()
        self.embed = nn.Embedding(vocab, width)
        self.layers = nn.ModuleList(Gated(width, d) for d in (1, 2, 4))
        self.out = nn.Conv1d(width, vocab, 1)

    def forward(self, ids):
        x = self.embed(ids).transpose(1, 2)
        total = 0
        for layer in self.layers:
            x, skip = layer(x)
            total = total + skip
        return self.out(F.relu(total)).transpose(1, 2)


def make_batch(generator):
    start = torch.randint(0, 8, (8, 1), generator=generator)
    return (start + 3 * torch.arange(10)) % 8


def make_model():
    return WaveNet()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=5e-3)


def loss_fn(model, ids):
    return F.cross_entropy(model(ids[:, :-1]).flatten(0, 1), ids[:, 1:].flatten())
