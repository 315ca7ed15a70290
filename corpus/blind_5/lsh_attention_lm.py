"""Reformer-like language model: shared query-key attention within hashed buckets, two hash rounds."""

import torch
import torch.nn.functional as F
from torch import nn

V, T, DIM, BUCKETS, ROUNDS = 12, 20, 32, 4, 2
g = torch.Generator().manual_seed(2001)


def text(n=16):
    """The second half of each line repeats the first; a few symbols are wrong."""
    half = torch.randint(0, V, (n, T // 2), generator=g)
    line = torch.cat([half, half], 1)
    noise = torch.rand(n, T, generator=g) < 0.03
    return torch.where(noise, torch.randint(0, V, (n, T), generator=g), line)


train_batches = [text() for _ in range(8)]
batch = train_batches[0]
val_batches = [text(32)]


class LSHAttention(nn.Module):
    def __init__(self):
        super().__init__()
        self.qk = nn.Linear(DIM, DIM, bias=False)
        self.v = nn.Linear(DIM, DIM, bias=False)
        self.out = nn.Linear(DIM, DIM)
        self.register_buffer("rotations", torch.randn(DIM, ROUNDS, BUCKETS // 2))

    def forward(self, x):
        q, v = self.qk(x), self.v(x)
        k = F.normalize(q, dim=-1)
        with torch.no_grad():
            turned = torch.einsum("btd,drk->brtk", k, self.rotations)
            bucket = torch.cat([turned, -turned], -1).argmax(-1)  # b r t
        n = x.shape[1]
        same = (bucket[..., :, None] == bucket[..., None, :]).any(1)
        past = torch.ones(n, n, dtype=torch.bool).tril()
        score = q @ k.transpose(1, 2) * DIM**0.5 / 2
        score = score.masked_fill(~(same & past), -1e9)
        score = score.masked_fill(torch.eye(n, dtype=torch.bool), -1e5)  # itself only when alone
        return self.out(score.softmax(-1) @ v)


class Reformer(nn.Module):
    def __init__(self, depth=2):
        super().__init__()
        self.tok, self.pos = nn.Embedding(V, DIM), nn.Parameter(0.1 * torch.randn(T, DIM))
        self.att = nn.ModuleList(LSHAttention() for _ in range(depth))
        self.mlp = nn.ModuleList(
            nn.Sequential(nn.LayerNorm(DIM), nn.Linear(DIM, 64), nn.GELU(), nn.Linear(64, DIM))
            for _ in range(depth)
        )
        self.norms = nn.ModuleList(nn.LayerNorm(DIM) for _ in range(depth + 1))
        self.head = nn.Linear(DIM, V)

    def forward(self, ids):
        x = self.tok(ids) + self.pos[: ids.shape[1]]
        for norm, att, mlp in zip(self.norms, self.att, self.mlp):
            x = x + att(norm(x))
            x = x + mlp(x)
        return self.head(self.norms[-1](x))


def make_model():
    return Reformer()


def make_optimizer(model):
    return torch.optim.AdamW(model.parameters(), lr=4e-3, weight_decay=0.01)


def loss_fn(model, batch):
    return F.cross_entropy(model(batch[:, :-1]).transpose(1, 2), batch[:, 1:])


def evaluate(model, batches):
    with torch.no_grad():
        return sum(loss_fn(model, b).item() for b in batches) / len(batches)
