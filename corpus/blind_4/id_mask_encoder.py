"""Masked-token model on padded ids; the mask is ids != PAD. Batch, time and heads are all 8 on purpose."""

import torch
import torch.nn.functional as F
from torch import nn

PAD, MASK, VOCAB, N, T, H, D = 0, 1, 16, 8, 8, 8, 64
g = torch.Generator().manual_seed(9)


def draw(n=N):
    start = torch.randint(0, 14, (n, 1), generator=g)
    stride = torch.randint(1, 3, (n, 1), generator=g)
    ids = 2 + (start + stride * torch.arange(T)) % 14
    length = torch.randint(5, T + 1, (n, 1), generator=g)
    ids = torch.where(torch.arange(T) < length, ids, torch.full_like(ids, PAD))
    hole = torch.rand(n, T, generator=g) < 0.25
    hole[:, 1] = True
    hole &= ids != PAD
    return {
        "input": torch.where(hole, torch.full_like(ids, MASK), ids),
        "target": torch.where(hole, ids, torch.full_like(ids, -100)),
    }


batch = draw()
val_batches = [draw(), draw()]


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.n1, self.n2 = nn.LayerNorm(D), nn.LayerNorm(D)
        self.qkv, self.proj = nn.Linear(D, 3 * D), nn.Linear(D, D)
        self.mlp = nn.Sequential(nn.Linear(D, D), nn.GELU(), nn.Linear(D, D))

    def forward(self, x, keep):
        n, t, _ = x.shape
        q, k, v = self.qkv(self.n1(x)).view(n, t, 3, H, D // H).permute(2, 0, 3, 1, 4)
        score = q @ k.transpose(-1, -2) / (D // H) ** 0.5
        score = score.masked_fill(~keep[:, None, None, :], float("-inf"))
        x = x + self.proj((score.softmax(-1) @ v).transpose(1, 2).reshape(n, t, D))
        return x + self.mlp(self.n2(x))


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.tok = nn.Embedding(VOCAB, D, padding_idx=PAD)
        self.pos = nn.Parameter(0.02 * torch.randn(T, D))
        self.blocks = nn.ModuleList([Block(), Block()])
        self.norm, self.head = nn.LayerNorm(D), nn.Linear(D, VOCAB)

    def forward(self, ids):
        keep = ids != PAD
        x = self.tok(ids) + self.pos[: ids.shape[1]]
        for block in self.blocks:
            x = block(x, keep)
        return self.head(self.norm(x))


def make_model():
    return Encoder()


def make_optimizer(model):
    return torch.optim.AdamW(model.parameters(), lr=2e-3)


def loss_fn(model, batch):
    return F.cross_entropy(
        model(batch["input"]).transpose(1, 2), batch["target"], ignore_index=-100
    )


@torch.no_grad()
def evaluate(model, batches):
    return sum(loss_fn(model, b).item() for b in batches) / len(batches)
