"""Causal language model with Transformer-XL relative positions (pad + view skewing); time == heads == batch == 8."""

import torch
import torch.nn.functional as F
from torch import nn

T, H, D, V = 8, 8, 32, 12
g = torch.Generator().manual_seed(16)


def draw(n=8):
    a = torch.randint(0, V, (n, 1), generator=g)
    step = torch.randint(1, 5, (n, 1), generator=g)
    ids = (a + step * torch.arange(T + 1)) % V
    return {"input_ids": ids[:, :-1].contiguous(), "labels": ids[:, 1:].contiguous()}


batch = draw()
val_batches = [draw(), draw()]


def rel_shift(s):
    """(N, H, T, T) scores against distance T-1..0 -> scores against the position of the key."""
    n, h, q, k = s.shape
    s = F.pad(s, (1, 0)).view(n, h, k + 1, q)
    return s[:, :, 1:].reshape(n, h, q, k)


class RelAttention(nn.Module):
    def __init__(self):
        super().__init__()
        self.q, self.kv, self.r = (
            nn.Linear(D, D, bias=False),
            nn.Linear(D, 2 * D, bias=False),
            nn.Linear(D, D, bias=False),
        )
        self.u = nn.Parameter(torch.zeros(H, D // H))
        self.w = nn.Parameter(torch.zeros(H, D // H))
        self.o = nn.Linear(D, D)
        inv = 1 / 100 ** (torch.arange(0, D, 2) / D)
        ang = torch.arange(T - 1, -1, -1)[:, None] * inv
        self.register_buffer("dist", torch.cat([ang.sin(), ang.cos()], -1))

    def forward(self, x):
        n, t, _ = x.shape
        q = self.q(x).view(n, t, H, -1)
        k, v = self.kv(x).view(n, t, 2, H, -1).unbind(2)
        r = self.r(self.dist[-t:]).view(t, H, -1)
        ac = torch.einsum("nihd,njhd->nhij", q + self.u, k)
        bd = rel_shift(torch.einsum("nihd,jhd->nhij", q + self.w, r))
        score = (ac + bd) / (D // H) ** 0.5
        future = torch.ones(t, t, dtype=torch.bool, device=x.device).triu(1)
        a = score.masked_fill(future, float("-inf")).softmax(-1)
        return self.o(torch.einsum("nhij,njhd->nihd", a, v).reshape(n, t, D))


class XL(nn.Module):
    def __init__(self):
        super().__init__()
        self.tok = nn.Embedding(V, D)
        self.attn = nn.ModuleList([RelAttention(), RelAttention()])
        self.norm = nn.ModuleList([nn.LayerNorm(D), nn.LayerNorm(D), nn.LayerNorm(D)])
        self.ff = nn.Sequential(nn.Linear(D, 2 * D), nn.ReLU(), nn.Linear(2 * D, D))
        self.head = nn.Linear(D, V, bias=False)

    def forward(self, ids):
        x = self.tok(ids)
        for attn, norm in zip(self.attn, self.norm):
            x = x + attn(norm(x))
        return self.head(x + self.ff(self.norm[2](x)))


def make_model():
    return XL()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=3e-3)


def loss_fn(model, batch):
    return F.cross_entropy(model(batch["input_ids"]).flatten(0, 1), batch["labels"].flatten())


@torch.no_grad()
def evaluate(model, batches):
    return torch.stack([loss_fn(model, b) for b in batches]).mean().exp().item()
