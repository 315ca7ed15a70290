"""Slot attention with competition over slots, then a weighted mean."""

import torch
from torch import nn
from torch.nn import functional as F


class Slots(nn.Module):
    def __init__(self, c=16, slots=3, rounds=2):
        super().__init__()
        self.rounds = rounds
        self.mean = nn.Parameter(torch.randn(1, slots, c) * 0.5)
        self.q, self.k, self.v = (nn.Linear(c, c, bias=False) for _ in range(3))
        self.gru = nn.GRUCell(c, c)
        self.n_in, self.n_slot = nn.LayerNorm(c), nn.LayerNorm(c)

    def forward(self, inputs):
        n, _, c = inputs.shape
        inputs = self.n_in(inputs)
        k, v = self.k(inputs), self.v(inputs)
        slots = self.mean.repeat(n, 1, 1)
        for _ in range(self.rounds):
            logits = torch.einsum("bnd,bsd->bns", k, self.q(self.n_slot(slots))) / c**0.5
            attn = F.softmax(logits, dim=-1) + 1e-6
            attn = attn / attn.sum(dim=1, keepdim=True)
            update = torch.einsum("bns,bnd->bsd", attn, v)
            slots = self.gru(update.flatten(0, 1), slots.flatten(0, 1)).view_as(slots)
        return slots


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.lift = nn.Linear(3, 16)
        self.slots = Slots()
        self.count = nn.Linear(16, 1)

    def forward(self, points):
        return self.count(self.slots(F.relu(self.lift(points)))).sum((1, 2))


def make_batch(generator):
    x = torch.randn(8, 7, 3, generator=generator)
    return {"points": x, "count": (x[..., 0] > 0).sum(1).float()}


def make_model():
    return Net()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=3e-3)


def loss_fn(model, b):
    return F.mse_loss(model(b["points"]), b["count"])
