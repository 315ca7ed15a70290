"""A one-block GPT written by hand with einsum, on a repetitive character stream."""

import math

import torch
from torch import nn
from torch.nn import functional as F


class SelfAttention(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(dim, 3 * dim)
        self.out = nn.Linear(dim, dim)

    def forward(self, x):
        b, t, d = x.shape
        q, k, v = self.qkv(x).view(b, t, 3, self.heads, d // self.heads).unbind(2)
        # FINE split-heads: heads are split first, then brought forward
        #: qkv = self.qkv(x).unflatten(-1, (3, self.heads, d // self.heads)).permute(2, 0, 3, 1, 4)
        #: q, k, v = (part.transpose(1, 2) for part in qkv)
        scores = torch.einsum("bqhd,bkhd->bhqk", q, k) / math.sqrt(q.shape[-1])
        future = torch.ones(t, t, dtype=torch.bool).triu(1)
        # BUG sees-next: causal-leak
        #: future = torch.ones(t, t, dtype=torch.bool).triu(2)
        # BUG no-future: causal-leak
        #: future = torch.zeros(t, t, dtype=torch.bool)
        scores = scores.masked_fill(future, -1e9)
        weights = scores.softmax(dim=-1)
        # BUG query-axis: wrong-softmax-dim
        #: weights = scores.softmax(dim=-2)
        mixed = torch.einsum("bhqk,bkhd->bqhd", weights, v)
        # FINE library-attention 5: scaled_dot_product_attention
        #: q, k, v = (part.transpose(1, 2) for part in (q, k, v))
        #: mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2)
        return self.out(mixed.flatten(2))
        # BUG heads-view 2: view-instead-of-permute
        #: mixed = torch.einsum("bhqk,bkhd->bhqd", weights, v)
        #: return self.out(mixed.reshape(b, t, d))  #!


class GPT(nn.Module):
    def __init__(self, vocab=12, dim=24, length=12):
        super().__init__()
        self.wte = nn.Embedding(vocab, dim)
        self.wpe = nn.Embedding(length, dim)
        self.ln1 = nn.LayerNorm(dim)
        self.attention = SelfAttention(dim, 3)
        self.ln2 = nn.LayerNorm(dim)
        self.mlp = nn.Sequential(nn.Linear(dim, 48), nn.GELU(), nn.Linear(48, dim))
        self.lm_head = nn.Linear(dim, vocab, bias=False)
        # FINE tied 0: input and output embeddings are one matrix
        #: self.wte.weight = self.lm_head.weight

    def forward(self, ids):
        h = self.wte(ids) + self.wpe(torch.arange(ids.shape[1]))
        h = h + self.attention(self.ln1(h))
        h = h + self.mlp(self.ln2(h))
        return self.lm_head(h)
        # BUG probabilities: softmax-into-cross-entropy, double-softmax
        #: return F.softmax(self.lm_head(h), dim=-1)


def stream(seed, n=8, t=12):
    g = torch.Generator().manual_seed(seed)
    start = torch.randint(0, 12, (n, 1), generator=g)
    step = torch.randint(1, 12, (n, 1), generator=g)
    text = (start + step * torch.arange(t + 1)) % 12
    noise = torch.rand(n, t + 1, generator=g) < 0.1
    return torch.where(noise, torch.randint(0, 12, (n, t + 1), generator=g), text)


def windows(seed):
    text = stream(seed)
    return {"input_ids": text[:, :-1], "labels": text[:, 1:]}
    # BUG same-labels: labels-not-shifted
    #: return {"input_ids": text[:, :-1], "labels": text[:, :-1]}


batch = windows(0)
train_batches = [windows(0), windows(1)]
val_batches = [windows(30)]


def make_model():
    return GPT()


def make_optimizer(model):
    return torch.optim.AdamW(model.parameters(), lr=5e-3, betas=(0.9, 0.95))


def loss_fn(model, b):
    logits = model(b["input_ids"])
    return F.cross_entropy(logits.flatten(0, 1), b["labels"].flatten())  # ALSO same-labels


@torch.no_grad()
def evaluate(model, batches):
    return -sum(loss_fn(model, b).item() for b in batches) / len(batches)
