"""Fourier neural operator in 1-d: complex weights, rfft / irfft, batch == channels == modes == 8."""

import torch
import torch.nn.functional as F
from torch import nn

N = C = MODES = 8
L = 32
g = torch.Generator().manual_seed(22)


def draw(n=N):
    """u -> its smoothed derivative, both on a periodic grid."""
    k = torch.arange(1, 5)
    x = torch.linspace(0, 2 * torch.pi, L + 1)[:-1]
    a, b = torch.randn(2, n, 4, 1, generator=g)
    phase = k[:, None] * x
    u = (a * phase.sin() + b * phase.cos()).sum(1)
    damp = torch.exp(-0.1 * k**2)[:, None]
    du = (damp * (a * phase.cos() - b * phase.sin())).sum(1)
    return u[:, None], du[:, None]


batch = draw()
val_batches = [draw(), draw()]


class Spectral(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(C, C, MODES, dtype=torch.cfloat) / C)

    def forward(self, x):
        f = torch.fft.rfft(x, norm="ortho")
        low = torch.einsum("ncm,cdm->ndm", f[..., :MODES], self.weight)
        return torch.fft.irfft(F.pad(low, (0, f.shape[-1] - MODES)), n=x.shape[-1], norm="ortho")


class FNO(nn.Module):
    def __init__(self):
        super().__init__()
        self.lift = nn.Conv1d(1, C, 1)
        self.spec = nn.ModuleList([Spectral(), Spectral()])
        self.skip = nn.ModuleList([nn.Conv1d(C, C, 1), nn.Conv1d(C, C, 1)])
        self.out = nn.Conv1d(C, 1, 1)

    def forward(self, u):
        h = self.lift(u)
        for s, k in zip(self.spec, self.skip):
            h = F.gelu(s(h) + k(h))
        return self.out(h)


def make_model():
    return FNO()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=5e-3)


def loss_fn(model, batch):
    """Relative L2 error per function."""
    u, du = batch
    return ((model(u) - du).flatten(1).norm(dim=1) / du.flatten(1).norm(dim=1)).mean()


@torch.no_grad()
def evaluate(model, batches):
    return sum(loss_fn(model, b).item() for b in batches) / len(batches)
