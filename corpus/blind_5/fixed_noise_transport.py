"""A generator over one fixed table of base noise, fitted by sliced Wasserstein distance (common random numbers)."""

import torch
from torch import nn

N, D = 96, 3
g = torch.Generator().manual_seed(1804)
turn = torch.linalg.qr(torch.randn(D, D, generator=g))[0]


def data(n=N):
    u = torch.rand(n, D, generator=g)
    u[:, 2] = u[:, 0] * u[:, 1]
    return 3 * (u @ turn) + 1


train_batches = [data() for _ in range(5)]
batch = train_batches[0]
val_batches = [data()]


class Transport(nn.Module):
    def __init__(self, h=48):
        super().__init__()
        base = torch.Generator().manual_seed(0)
        self.register_buffer("noise", torch.randn(N, D, generator=base))
        self.map = nn.Sequential(
            nn.Linear(D, h), nn.SiLU(), nn.Linear(h, h), nn.SiLU(), nn.Linear(h, D)
        )

    def forward(self):
        return self.noise + self.map(self.noise)


def sliced(a, b, directions):
    return (a @ directions.T).sort(0).values.sub((b @ directions.T).sort(0).values).square().mean()


def make_model():
    return Transport()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=5e-3)


def loss_fn(model, batch):
    directions = nn.functional.normalize(torch.randn(16, D), dim=1)
    return sliced(model(), batch, directions)


@torch.no_grad()
def evaluate(model, batches):
    directions = nn.functional.normalize(
        torch.randn(64, D, generator=torch.Generator().manual_seed(8)), dim=1
    )
    return sum(sliced(model(), b, directions).item() for b in batches) / len(batches)
