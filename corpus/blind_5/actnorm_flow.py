"""A small Glow in four dimensions: ActNorm that takes its first batch's statistics, coupling, learnt rotations."""

import math

import torch
from torch import nn

D = 4
g = torch.Generator().manual_seed(2018)
mixing = torch.randn(D, D, generator=g)


def points(n=64):
    u = torch.randn(n, D, generator=g)
    u[:, 1] = u[:, 0] ** 2 + 0.3 * u[:, 1]
    u[:, 3] = torch.sin(2 * u[:, 2]) + 0.2 * u[:, 3]
    return 4 + 2.5 * u @ mixing


train_batches = [points() for _ in range(6)]
batch = train_batches[0]
val_batches = [points(128)]


class ActNorm(nn.Module):
    def __init__(self):
        super().__init__()
        self.loc, self.log_scale = nn.Parameter(torch.zeros(D)), nn.Parameter(torch.zeros(D))
        self.register_buffer("ready", torch.tensor(False))

    def forward(self, x):
        if self.training and not self.ready:
            with torch.no_grad():
                self.loc.copy_(x.mean(0))
                self.log_scale.copy_(-(x.std(0) + 1e-6).log())
                self.ready.fill_(True)
        # BUG every-batch: batch-leak
        #: x = (x - x.mean(0)) / (x.std(0) + 1e-6)
        return (x - self.loc) * self.log_scale.exp(), self.log_scale.sum()


class Mix(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.linalg.qr(torch.randn(D, D))[0])

    def forward(self, x):
        return x @ self.weight, torch.linalg.slogdet(self.weight)[1]


class Coupling(nn.Module):
    def __init__(self, h=32):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(D // 2, h), nn.SiLU(), nn.Linear(h, h), nn.SiLU(), nn.Linear(h, D)
        )
        nn.init.zeros_(self.net[-1].weight)
        nn.init.zeros_(self.net[-1].bias)

    def forward(self, x):
        a, b = x.chunk(2, dim=1)
        s, t = self.net(a).chunk(2, dim=1)
        s = 2 * torch.tanh(s / 2)
        return torch.cat([a, b * s.exp() + t], 1), s.sum(1)


class Flow(nn.Module):
    def __init__(self, depth=3):
        super().__init__()
        self.layers = nn.ModuleList(
            layer() for _ in range(depth) for layer in (ActNorm, Mix, Coupling)
        )

    def forward(self, x):
        total = 0.0
        for layer in self.layers:
            x, logdet = layer(x)
            total = total + logdet
        return x, total


def make_model():
    return Flow()


def make_optimizer(model):
    return torch.optim.Adamax(model.parameters(), lr=5e-3)


def loss_fn(model, batch):
    z, logdet = model(batch)
    return (0.5 * z.square().sum(1) + 0.5 * D * math.log(2 * math.pi) - logdet).mean()


def evaluate(model, batches):
    was = model.training
    model.eval()
    with torch.no_grad():
        nats = [loss_fn(model, b).item() for b in batches]
    model.train(was)
    return sum(nats) / len(nats) / D / math.log(2)
