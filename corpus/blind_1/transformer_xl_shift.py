"""Causal attention with Transformer-XL's relative shift."""

import torch
from torch import nn
from torch.nn import functional as F


class RelativeAttention(nn.Module):
    def __init__(self, width=16, heads=2, length=8):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.relative = nn.Parameter(0.1 * torch.randn(heads, length, width // heads))
        self.content = nn.Parameter(torch.zeros(heads, 1, width // heads))
        self.out = nn.Linear(width, width)

    @staticmethod
    def shift(x):
        n, h, q, k = x.shape
        x = torch.cat([x.new_zeros(n, h, q, 1), x], dim=-1)
        return x.view(n, h, k + 1, q)[:, :, 1:].reshape(n, h, q, k)

    def forward(self, x):
        n, t, c = x.shape
        q, k, v = self.qkv(x).view(n, t, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        place = self.shift(q @ self.relative[:, -t:].transpose(-1, -2))
        score = ((q + self.content) @ k.transpose(-1, -2) + place) * (c // self.heads) ** -0.5
        future = torch.ones(t, t, dtype=torch.bool).triu(1)
        weights = score.masked_fill(future, float("-inf")).softmax(-1)
        return self.out((weights @ v).transpose(1, 2).reshape(n, t, c))


class LM(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(14, 16)
        self.norm = nn.LayerNorm(16)
        self.attention = RelativeAttention()
        self.head = nn.Linear(16, 14)

    def forward(self, ids):
        x = self.embed(ids)
        return self.head(x + self.attention(self.norm(x)))


def make_batch(generator):
    start = torch.randint(0, 14, (8, 1), generator=generator)
    return (start + 3 * torch.arange(9)) % 14


def make_model():
    return LM()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=5e-3)


def loss_fn(model, ids):
    return F.cross_entropy(model(ids[:, :-1]).transpose(1, 2), ids[:, 1:])
