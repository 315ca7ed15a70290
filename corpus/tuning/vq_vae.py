"""Vector quantisation with a straight-through estimator and a commitment loss."""

import torch
from torch import nn
from torch.nn import functional as F


class VQVAE(nn.Module):
    def __init__(self, codes=8, width=6):
        super().__init__()
        self.enc = nn.Linear(10, width)
        self.codes = nn.Parameter(torch.randn(codes, width) * 0.5)
        self.dec = nn.Sequential(nn.Linear(width, 24), nn.ReLU(), nn.Linear(24, 10))

    def forward(self, x):
        z = self.enc(x)
        near = torch.cdist(z, self.codes).argmin(1)
        code = self.codes[near]
        straight = z + (code - z).detach()
        commitment = F.mse_loss(z, code.detach())
        codebook = F.mse_loss(code, z.detach())
        return self.dec(straight), 0.25 * commitment + codebook


def make_batch(generator):
    centre = torch.randn(4, 10, generator=torch.Generator().manual_seed(5))
    which = torch.randint(0, 4, (16,), generator=generator)
    return centre[which] + 0.1 * torch.randn(16, 10, generator=generator)


def make_model():
    return VQVAE()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=5e-3)


def loss_fn(model, x):
    recon, extra = model(x)
    return F.mse_loss(recon, x) + extra
