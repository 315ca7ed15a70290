"""Kernelised linear attention with a cumulative, causal state."""

import torch
from torch import nn
from torch.nn import functional as F


class Linear(nn.Module):
    def __init__(self, c=16):
        super().__init__()
        self.q, self.k, self.v = (nn.Linear(c, c) for _ in range(3))

    def forward(self, x):
        q, k, v = F.elu(self.q(x)) + 1, F.elu(self.k(x)) + 1, self.v(x)
        state = torch.einsum("btk,btv->btkv", k, v).cumsum(1)
        norm = torch.einsum("btk,btk->bt", q, k.cumsum(1)).unsqueeze(-1)
        return torch.einsum("btk,btkv->btv", q, state) / norm


class LM(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(11, 16)
        self.attention = Linear()
        self.norm = nn.LayerNorm(16)
        self.out = nn.Linear(16, 11)

    def forward(self, ids):
        x = self.embed(ids)
        return self.out(self.norm(x + self.attention(x)))


def make_batch(generator):
    start = torch.randint(0, 11, (8, 1), generator=generator)
    ids = (start + 2 * torch.arange(8)) % 11
    return {"input_ids": ids[:, :-1], "labels": ids[:, 1:]}


def make_model():
    return LM()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=5e-3)


def loss_fn(model, b):
    return F.cross_entropy(model(b["input_ids"]).transpose(1, 2), b["labels"])
