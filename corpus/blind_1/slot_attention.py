"""Slot attention autoencoder of sets: softmax over slots, then renormalised."""

import torch
from torch import nn


class SlotAttention(nn.Module):
    def __init__(self, width=16, slots=3, iterations=2):
        super().__init__()
        self.iterations = iterations
        self.start = nn.Parameter(0.5 * torch.randn(slots, width))
        self.q = nn.Linear(width, width, bias=False)
        self.k = nn.Linear(width, width, bias=False)
        self.v = nn.Linear(width, width, bias=False)
        self.cell = nn.GRUCell(width, width)
        self.norm = nn.LayerNorm(width)

    def forward(self, x):
        n, _, w = x.shape
        slots = self.start.expand(n, -1, -1)
        k, v = self.k(x), self.v(x)
        for _ in range(self.iterations):
            score = self.q(self.norm(slots)) @ k.transpose(1, 2) * w**-0.5
            share = score.softmax(dim=1)
            weight = share / (share.sum(dim=2, keepdim=True) + 1e-8)
            update = weight @ v
            slots = self.cell(update.reshape(-1, w), slots.reshape(-1, w)).view(n, -1, w)
        return slots


class SetAutoencoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.enc = nn.Linear(4, 16)
        self.slots = SlotAttention()
        self.dec = nn.Linear(16, 4)

    def forward(self, x):
        return self.dec(self.slots(torch.tanh(self.enc(x))))


def make_batch(generator):
    return torch.randn(8, 3, 4, generator=generator)


def make_model():
    return SetAutoencoder()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=4e-3)


def loss_fn(model, x):
    distance = torch.cdist(model(x), x).square()
    return distance.min(dim=1).values.mean() + distance.min(dim=2).values.mean()
