"""Causal transformer with three output heads: the next token, the one after it, and the third."""

import torch
import torch.nn.functional as F
from torch import nn

VOCAB, LENGTH, WIDTH, AHEAD = 13, 18, 32, 3
gen = torch.Generator().manual_seed(2404)
rule = torch.randint(0, VOCAB, (VOCAB, VOCAB), generator=gen)


def sample(n=16):
    ids = torch.randint(0, VOCAB, (n, 2), generator=gen)
    for _ in range(LENGTH - 2):
        nxt = rule[ids[:, -2], ids[:, -1]]
        other = torch.randint(0, VOCAB, (n,), generator=gen)
        nxt = torch.where(torch.rand(n, generator=gen) < 0.15, other, nxt)
        ids = torch.cat([ids, nxt[:, None]], 1)
    return ids


batch = sample()
train_batches = [batch] + [sample() for _ in range(15)]
val_batches = [sample(48)]


class MTP(nn.Module):
    def __init__(self):
        super().__init__()
        self.tok = nn.Embedding(VOCAB, WIDTH)
        self.pos = nn.Embedding(LENGTH, WIDTH)
        self.ln1, self.ln2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.attn = nn.MultiheadAttention(WIDTH, 4, batch_first=True)
        self.ff = nn.Sequential(nn.Linear(WIDTH, 96), nn.GELU(), nn.Linear(96, WIDTH))
        self.adapters = nn.ModuleList(nn.Linear(WIDTH, WIDTH) for _ in range(AHEAD))
        self.unembed = nn.Linear(WIDTH, VOCAB)

    def forward(self, ids):
        n = ids.shape[1]
        x = self.tok(ids) + self.pos(torch.arange(n))
        hidden = torch.full((n, n), -torch.inf).triu(1)
        y = self.ln1(x)
        x = x + self.attn(y, y, y, attn_mask=hidden, need_weights=False)[0]
        x = x + self.ff(self.ln2(x))
        return [self.unembed(x + a(x).relu()) for a in self.adapters]


def make_model():
    return MTP()


def make_optimizer(model):
    return torch.optim.AdamW(model.parameters(), lr=4e-3, weight_decay=0.05)


def losses(model, ids):
    seen = ids[:, :-AHEAD]
    out = []
    for k, logits in enumerate(model(seen), start=1):
        future = ids[:, k : k + seen.shape[1]]
        out.append(F.cross_entropy(logits.reshape(-1, VOCAB), future.reshape(-1)))
    return out


def loss_fn(model, batch):
    first, *rest = losses(model, batch)
    return first + 0.3 * sum(rest)


def evaluate(model, batches):
    with torch.no_grad():
        return sum(losses(model, b)[0].item() for b in batches) / len(batches)
