"""Swin-style windowed and shifted-window attention on an 8x8 grid with 8 channels and batch 8."""

import torch
import torch.nn.functional as F
from torch import nn

S, C, WIN, HEADS = 8, 8, 4, 2
g = torch.Generator().manual_seed(15)


def draw(n=8):
    y = torch.randint(0, 8, (n,), generator=g)
    img = 0.3 * torch.randn(n, 1, S, S, generator=g)
    for i, k in enumerate(y.tolist()):
        img[i, 0, k] += 1.5
    return img, y


batch = draw()
val_batches = [draw(), draw(), draw()]


def windows(x):  # (N, S, S, C) -> (N * 4, WIN * WIN, C)
    n, h, w, c = x.shape
    x = x.view(n, h // WIN, WIN, w // WIN, WIN, c).permute(0, 1, 3, 2, 4, 5)
    return x.reshape(-1, WIN * WIN, c)


def unwindows(x, n):
    c = x.shape[-1]
    x = x.view(n, S // WIN, S // WIN, WIN, WIN, c).permute(0, 1, 3, 2, 4, 5)
    return x.reshape(n, S, S, c)


def shift_mask(shift):
    region = torch.zeros(1, S, S, 1)
    cuts = (slice(0, -WIN), slice(-WIN, -shift), slice(-shift, None))
    for i, a in enumerate(cuts):
        for j, b in enumerate(cuts):
            region[:, a, b] = 3 * i + j
    r = windows(region).squeeze(-1)
    return r[:, None, :] == r[:, :, None]  # (windows, tokens, tokens)


class SwinBlock(nn.Module):
    def __init__(self, shift):
        super().__init__()
        self.shift = shift
        self.n1, self.n2 = nn.LayerNorm(C), nn.LayerNorm(C)
        self.qkv, self.proj = nn.Linear(C, 3 * C), nn.Linear(C, C)
        self.mlp = nn.Sequential(nn.Linear(C, 4 * C), nn.GELU(), nn.Linear(4 * C, C))
        self.register_buffer("mask", shift_mask(shift) if shift else None, persistent=False)

    def forward(self, x):
        n = x.shape[0]
        h = torch.roll(self.n1(x), (-self.shift, -self.shift), (1, 2))
        q, k, v = self.qkv(windows(h)).unflatten(-1, (3, HEADS, C // HEADS)).permute(2, 0, 3, 1, 4)
        mask = None if self.mask is None else self.mask.repeat(n, 1, 1)[:, None]
        h = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        h = unwindows(self.proj(h.transpose(1, 2).flatten(2)), n)
        x = x + torch.roll(h, (self.shift, self.shift), (1, 2))
        return x + self.mlp(self.n2(x))


class TinySwin(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(1, C, 1)
        self.pos = nn.Parameter(0.1 * torch.randn(S, S, C))
        self.blocks = nn.Sequential(SwinBlock(0), SwinBlock(2))
        self.head = nn.Linear(C, 8)

    def forward(self, img):
        x = self.stem(img).permute(0, 2, 3, 1) + self.pos
        return self.head(self.blocks(x).mean((1, 2)))


def make_model():
    return TinySwin()


def make_optimizer(model):
    return torch.optim.AdamW(model.parameters(), lr=5e-3)


def loss_fn(model, batch):
    return F.cross_entropy(model(batch[0]), batch[1])


def evaluate(model, batches):
    with torch.no_grad():
        return sum((model(x).argmax(1) == y).float().mean().item() for x, y in batches) / len(
            batches
        )
