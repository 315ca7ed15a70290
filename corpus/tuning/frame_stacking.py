"""Pairs of frames are stacked before a classifier over time."""

import torch
from torch import nn
from torch.nn import functional as F


class Stack(nn.Module):
    def __init__(self, bands=6, k=2):
        super().__init__()
        self.k = k
        self.lift = nn.Linear(bands * k, 16)
        self.rnn = nn.GRU(16, 16, batch_first=True)
        self.out = nn.Linear(16, 3)

    def forward(self, frames):
        n, t, c = frames.shape
        frames = frames.reshape(n, t // self.k, c * self.k)
        h, _ = self.rnn(F.relu(self.lift(frames)))
        return self.out(h.mean(1))


def make_batch(generator):
    y = torch.randint(0, 3, (10,), generator=generator)
    x = 0.5 * torch.randn(10, 8, 6, generator=generator)
    x[torch.arange(10), :, y] += 1
    return x, y


def make_model():
    return Stack()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=0.01)


def loss_fn(model, batch):
    return F.cross_entropy(model(batch[0]), batch[1])
