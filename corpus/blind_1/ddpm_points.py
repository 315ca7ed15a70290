"""Denoising diffusion on 2-d points with an adaLN-zero network."""

import torch
from torch import nn

STEPS = 20
BETA = torch.linspace(1e-3, 0.2, STEPS)
ALPHA = torch.cumprod(1 - BETA, 0)


class Denoiser(nn.Module):
    def __init__(self, width=32):
        super().__init__()
        self.time = nn.Embedding(STEPS, width)
        self.inlet = nn.Linear(2, width)
        self.norm = nn.LayerNorm(width, elementwise_affine=False)
        self.modulate = nn.Linear(width, 3 * width)
        nn.init.zeros_(self.modulate.weight)
        nn.init.zeros_(self.modulate.bias)
        self.mlp = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width))
        self.outlet = nn.Linear(width, 2)

    def forward(self, x, t):
        h = self.inlet(x)
        shift, scale, gate = self.modulate(nn.functional.silu(self.time(t))).chunk(3, -1)
        h = h + gate * self.mlp(self.norm(h) * (1 + scale) + shift)
        return self.outlet(h)


def make_batch(generator):
    centre = torch.randint(0, 2, (16, 1), generator=generator) * 2.0 - 1
    return centre + 0.2 * torch.randn(16, 2, generator=generator)


def make_model():
    return Denoiser()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=2e-3)


def loss_fn(model, x):
    t = torch.randint(0, STEPS, (len(x),))
    noise = torch.randn_like(x)
    a = ALPHA[t].unsqueeze(1)
    return (model(a.sqrt() * x + (1 - a).sqrt() * noise, t) - noise).pow(2).mean()
