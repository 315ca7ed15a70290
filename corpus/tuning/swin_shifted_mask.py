"""Shifted windows with an attention mask and a mask buffer."""

import torch
from torch import nn
from torch.nn import functional as F


def partition(x, w):
    n, h, b, c = x.shape
    x = x.reshape(n, h // w, w, b // w, w, c)
    return x.permute(0, 1, 3, 2, 4, 5).reshape(-1, w * w, c)


def merge(x, w, h, b):
    x = x.reshape(-1, h // w, b // w, w, w, x.shape[-1])
    return x.permute(0, 1, 3, 2, 4, 5).reshape(-1, h, b, x.shape[-1])


class Shifted(nn.Module):
    def __init__(self, c=16, size=6, w=3, shift=1):
        super().__init__()
        self.w, self.shift, self.size = w, shift, size
        self.norm = nn.LayerNorm(c)
        self.q, self.k, self.v = (nn.Linear(c, c) for _ in range(3))
        region = torch.zeros(1, size, size, 1)
        marks = (slice(0, -w), slice(-w, -shift), slice(-shift, None))
        for i, rows in enumerate(marks):
            for j, columns in enumerate(marks):
                region[:, rows, columns] = 3 * i + j
        region = partition(region, w).squeeze(-1)
        self.register_buffer("blocked", region[:, None] != region[:, :, None])

    def forward(self, x):
        y = torch.roll(self.norm(x), (-self.shift, -self.shift), (1, 2))
        y = partition(y, self.w)
        q, k, v = self.q(y), self.k(y), self.v(y)
        score = q @ k.transpose(1, 2) / q.shape[-1] ** 0.5
        blocked = self.blocked.repeat(len(x), 1, 1)
        y = score.masked_fill(blocked, -100.0).softmax(-1) @ v
        y = merge(y, self.w, self.size, self.size)
        return x + torch.roll(y, (self.shift, self.shift), (1, 2))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.lift = nn.Conv2d(2, 16, 1)
        self.layer = Shifted()
        self.head = nn.Linear(16, 3)

    def forward(self, x):
        return self.head(self.layer(self.lift(x).permute(0, 2, 3, 1)).mean((1, 2)))


def make_batch(generator):
    y = torch.randint(0, 3, (6,), generator=generator)
    x = torch.randn(6, 2, 6, 6, generator=generator) + y[:, None, None, None] - 1
    return x, y


def make_model():
    return Net()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=3e-3)


def loss_fn(model, batch):
    return F.cross_entropy(model(batch[0]), batch[1])
