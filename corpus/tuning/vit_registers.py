"""ViT with register tokens, unfold patches and a mean-pooled head."""

import torch
from torch import nn
from torch.nn import functional as F


class Encoder(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.n1, self.n2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.q, self.kv = nn.Linear(width, width), nn.Linear(width, 2 * width)
        self.o = nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)

    def attend(self, x):
        n, t, c = x.shape
        q = self.q(x).unflatten(-1, (self.heads, -1)).movedim(2, 1)
        k, v = self.kv(x).unflatten(-1, (2, self.heads, -1)).permute(2, 0, 3, 1, 4)
        return self.o(F.scaled_dot_product_attention(q, k, v).movedim(1, 2).flatten(2))

    def forward(self, x):
        x = x + self.attend(self.n1(x))
        return x + self.down(F.gelu(self.up(self.n2(x))))


class ViT(nn.Module):
    def __init__(self, width=16):
        super().__init__()
        self.proj = nn.Linear(16, width)
        self.registers = nn.Parameter(0.02 * torch.randn(2, width))
        self.place = nn.Parameter(0.02 * torch.randn(9, width))
        self.encoder = Encoder(width, 2)
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, 3)

    def forward(self, x):
        patches = F.unfold(x, 4, stride=4).transpose(1, 2)
        tokens = self.proj(patches) + self.place
        tokens = torch.cat([self.registers.expand(len(x), -1, -1), tokens], 1)
        return self.head(self.norm(self.encoder(tokens))[:, 2:].mean(1))


def make_batch(generator):
    y = torch.randint(0, 3, (8,), generator=generator)
    x = 0.4 * torch.randn(8, 1, 12, 12, generator=generator)
    x[torch.arange(8), 0, 4 * y] += 2
    return {"pixels": x, "y": y}


def make_model():
    return ViT()


def make_optimizer(model):
    return torch.optim.NAdam(model.parameters(), lr=2e-3)


def loss_fn(model, b):
    return F.cross_entropy(model(b["pixels"]), b["y"], label_smoothing=0.1)
