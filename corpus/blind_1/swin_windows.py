"""Shifted windows with a relative position bias."""

import torch
from torch import nn
from torch.nn import functional as F


def windows(x, w):
    n, h, b, c = x.shape
    x = x.view(n, h // w, w, b // w, w, c).transpose(2, 3)
    return x.reshape(-1, w * w, c)


def unwindow(x, w, n, h, b):
    x = x.view(n, h // w, b // w, w, w, -1).transpose(2, 3)
    return x.reshape(n, h, b, -1)


class WindowAttention(nn.Module):
    def __init__(self, width=16, heads=2, w=2):
        super().__init__()
        self.w, self.heads = w, heads
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.bias = nn.Parameter(torch.zeros((2 * w - 1) ** 2, heads))
        grid = torch.stack(torch.meshgrid(torch.arange(w), torch.arange(w), indexing="ij"))
        gap = grid.flatten(1)[:, :, None] - grid.flatten(1)[:, None] + w - 1
        self.register_buffer("index", gap[0] * (2 * w - 1) + gap[1])

    def forward(self, x, shift):
        n, h, b, c = x.shape
        rolled = torch.roll(x, (-shift, -shift), (1, 2))
        cells = windows(rolled, self.w)
        m, t, _ = cells.shape
        q, k, v = self.qkv(cells).view(m, t, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        score = q @ k.transpose(-1, -2) * q.shape[-1] ** -0.5
        score = score + self.bias[self.index].permute(2, 0, 1)
        mixed = (score.softmax(-1) @ v).transpose(1, 2).reshape(m, t, c)
        whole = unwindow(self.out(mixed), self.w, n, h, b)
        return torch.roll(whole, (shift, shift), (1, 2))


class Swin(nn.Module):
    def __init__(self):
        super().__init__()
        self.patch = nn.Conv2d(1, 16, 2, 2)
        self.n1, self.n2, self.n3 = (nn.LayerNorm(16) for _ in range(3))
        self.a1, self.a2 = WindowAttention(), WindowAttention()
        self.reduce = nn.Linear(64, 16, bias=False)
        self.head = nn.Linear(16, 3)

    def forward(self, image):
        x = self.patch(image).permute(0, 2, 3, 1)
        x = x + self.a1(self.n1(x), 0)
        x = x + self.a2(self.n2(x), 1)
        parts = [x[:, i::2, j::2] for i in (0, 1) for j in (0, 1)]
        x = self.reduce(torch.cat(parts, -1))
        return self.head(self.n3(x).mean((1, 2)))


def make_batch(generator):
    y = torch.randint(0, 3, (8,), generator=generator)
    x = torch.randn(8, 1, 8, 8, generator=generator)
    x[:, 0, 0] += 2 * y[:, None]
    return {"x": x, "y": y}


def make_model():
    return Swin()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=2e-3)


def loss_fn(model, batch):
    return F.cross_entropy(model(batch["x"]), batch["y"])
