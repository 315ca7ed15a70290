"""Normalising flow: affine couplings with a log-determinant and zero-initialised last layers, fixed permutations."""

import math

import torch
from torch import nn

g = torch.Generator().manual_seed(28)


def draw(n=64):
    z = torch.randn(n, 4, generator=g)
    z[:, 1] = z[:, 1] * 0.3 + z[:, 0] ** 2 / 2
    z[:, 3] = z[:, 3] * 0.3 - z[:, 2]
    return z


batch = draw()
val_batches = [draw()]


class Coupling(nn.Module):
    def __init__(self, d=4, h=32):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(d // 2, h), nn.ReLU(), nn.Linear(h, d))
        nn.init.zeros_(self.net[-1].weight)
        nn.init.zeros_(self.net[-1].bias)

    def forward(self, x):
        a, b = x.chunk(2, 1)
        s, t = self.net(a).chunk(2, 1)
        s = torch.tanh(s)
        return torch.cat([a, b * s.exp() + t], 1), s.sum(1)

    def inverse(self, y):
        a, b = y.chunk(2, 1)
        s, t = self.net(a).chunk(2, 1)
        return torch.cat([a, (b - t) * (-torch.tanh(s)).exp()], 1)


class Flow(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([Coupling() for _ in range(4)])
        self.register_buffer(
            "order", torch.tensor([[2, 3, 0, 1], [1, 2, 3, 0], [2, 3, 0, 1], [0, 1, 2, 3]])
        )

    def forward(self, x):
        logdet = x.new_zeros(len(x))
        for layer, order in zip(self.layers, self.order):
            x, ld = layer(x)
            x, logdet = x[:, order], logdet + ld
        return x, logdet

    def inverse(self, z):
        for layer, order in reversed(list(zip(self.layers, self.order))):
            z = layer.inverse(z[:, order.argsort()])
        return z


def make_model():
    return Flow()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=5e-3)


def loss_fn(model, batch):
    z, logdet = model(batch)
    log_prob = -0.5 * (z * z).sum(1) - 0.5 * z.shape[1] * math.log(2 * math.pi)
    return -(log_prob + logdet).mean()


@torch.no_grad()
def evaluate(model, batches):
    assert torch.allclose(model.inverse(model(batches[0])[0]), batches[0], atol=1e-3)
    return sum(loss_fn(model, b).item() for b in batches) / len(batches)
