"""Decoder with grouped-query attention, rotary positions, RMSNorm, SwiGLU; the fused projection is split by size."""

import torch
import torch.nn.functional as F
from torch import nn

V, T, C, H, KV = 16, 16, 32, 4, 2
HD = C // H
rng = torch.Generator().manual_seed(2305)


def draw(n=12):
    """Pairs key-value, then a key again: its value comes next. The rest is noise."""
    keys = torch.stack([torch.randperm(8, generator=rng)[:4] for _ in range(n)])
    vals = torch.randint(8, V, (n, 4), generator=rng)
    pairs = torch.stack([keys, vals], 2)
    again = torch.stack([p[torch.randperm(4, generator=rng)] for p in pairs])
    return torch.cat([pairs.flatten(1), again.flatten(1)], 1)


train_batches = [draw() for _ in range(16)]
batch = train_batches[0]
val_batches = [draw(32)]


def rotary(t):
    angle = torch.arange(t)[:, None] * 100.0 ** (-torch.arange(HD // 2) * 2 / HD)
    return angle.cos(), angle.sin()


def rotate(x, cos, sin):
    a, b = x.chunk(2, dim=-1)
    return torch.cat([a * cos - b * sin, b * cos + a * sin], dim=-1)


class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.n1, self.n2 = nn.RMSNorm(C), nn.RMSNorm(C)
        self.qkv = nn.Linear(C, C + 2 * KV * HD, bias=False)
        self.o = nn.Linear(C, C, bias=False)
        self.up, self.down = nn.Linear(C, 4 * C, bias=False), nn.Linear(2 * C, C, bias=False)

    def forward(self, x, cos, sin):
        b, t, _ = x.shape
        q, k, v = self.qkv(self.n1(x)).split([C, KV * HD, KV * HD], dim=-1)
        q = rotate(q.view(b, t, H, HD).transpose(1, 2), cos, sin)
        k = rotate(k.view(b, t, KV, HD).transpose(1, 2), cos, sin)
        v = v.view(b, t, KV, HD).transpose(1, 2)
        k, v = (z.repeat_interleave(H // KV, dim=1) for z in (k, v))
        visible = torch.ones(t, t, dtype=torch.bool).tril()
        # BUG additive: causal-leak
        #: visible = torch.ones(t, t).tril()
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=visible)
        x = x + self.o(y.transpose(1, 2).reshape(b, t, C))
        gate, up = self.up(self.n2(x)).chunk(2, dim=-1)
        return x + self.down(F.silu(gate) * up)


class Decoder(nn.Module):
    def __init__(self, depth=2):
        super().__init__()
        self.tok = nn.Embedding(V, C)
        self.layers = nn.ModuleList([Layer() for _ in range(depth)])
        self.norm = nn.RMSNorm(C)
        self.out = nn.Linear(C, V, bias=False)
        self.out.weight = self.tok.weight
        nn.init.normal_(self.tok.weight, std=0.3)

    def forward(self, ids):
        x = self.tok(ids)
        cos, sin = rotary(ids.shape[1])
        for layer in self.layers:
            x = layer(x, cos, sin)
        return self.out(self.norm(x))


def make_model():
    return Decoder()


def make_optimizer(model):
    return torch.optim.AdamW(model.parameters(), lr=4e-3, betas=(0.9, 0.95), weight_decay=0.1)


def loss_fn(model, batch):
    logits = model(batch[:, :-1])
    return F.cross_entropy(logits.flatten(0, 1), batch[:, 1:].flatten())


@torch.no_grad()
def evaluate(model, batches):
    return sum(loss_fn(model, b).item() for b in batches) / len(batches)
