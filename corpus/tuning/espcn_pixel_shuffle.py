"""Super-resolution with a hand-written pixel shuffle."""

import torch
from torch import nn


class ESPCN(nn.Module):
    def __init__(self, r=2):
        super().__init__()
        self.r = r
        self.a = nn.Conv2d(1, 16, 3, padding=1)
        self.b = nn.Conv2d(16, r * r, 3, padding=1)

    def forward(self, x):
        y = self.b(torch.tanh(self.a(x)))
        n, _, h, w = y.shape
        y = y.view(n, self.r, self.r, h, w).permute(0, 3, 1, 4, 2)
        return y.reshape(n, 1, h * self.r, w * self.r)


def make_batch(generator):
    t = torch.arange(8.0)
    phase = torch.rand(6, 1, 1, generator=generator) * 6
    fine = torch.sin(0.7 * t[:, None] + 0.4 * t + phase).unsqueeze(1)
    return fine[..., ::2, ::2].contiguous(), fine


def make_model():
    return ESPCN()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=5e-3)


def loss_fn(model, batch):
    return (model(batch[0]) - batch[1]).abs().mean()
