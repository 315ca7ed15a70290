"""Discrete codes by the Gumbel-softmax trick."""

import torch
from torch import nn
from torch.nn import functional as F


class Codes(nn.Module):
    def __init__(self, groups=3, codes=4):
        super().__init__()
        self.groups, self.codes = groups, codes
        self.enc = nn.Linear(8, groups * codes)
        self.dec = nn.Sequential(nn.Linear(groups * codes, 24), nn.ReLU(), nn.Linear(24, 8))

    def forward(self, x):
        logits = self.enc(x).view(-1, self.groups, self.codes)
        code = F.gumbel_softmax(logits, tau=1.0, hard=False, dim=-1)
        return self.dec(code.flatten(1)), logits


def make_batch(generator):
    centre = torch.randn(4, 8, generator=torch.Generator().manual_seed(4))
    return centre[torch.randint(0, 4, (16,), generator=generator)]


def make_model():
    return Codes()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=0.01)


def loss_fn(model, x):
    recon, logits = model(x)
    q = logits.softmax(-1)
    kl = (q * (q.clamp_min(1e-8).log() + torch.log(torch.tensor(4.0)))).sum((1, 2)).mean()
    return (recon - x).square().sum(1).mean() + 0.05 * kl
