"""Character language model with hand-written causal attention."""

import math

import torch
from torch import nn
from torch.nn import functional as F

VOCAB, CONTEXT, WIDTH, HEADS = 20, 10, 24, 4


class CausalAttention(nn.Module):
    def __init__(self):
        super().__init__()
        self.qkv = nn.Linear(WIDTH, 3 * WIDTH)
        self.proj = nn.Linear(WIDTH, WIDTH)
        self.register_buffer("past", torch.ones(CONTEXT, CONTEXT).tril().bool())

    def heads(self, x):
        b, t, _ = x.shape
        return x.view(b, t, HEADS, WIDTH // HEADS).transpose(1, 2)
        # BUG headview: view-instead-of-permute
        #: return x.reshape(b, HEADS, t, WIDTH // HEADS)

    def forward(self, x):
        b, t, c = x.shape
        q, k, v = (self.heads(part) for part in self.qkv(x).split(c, dim=2))
        score = q @ k.transpose(-2, -1) / math.sqrt(c // HEADS)
        score = score.masked_fill(~self.past[:t, :t], float("-inf"))
        # BUG upper: causal-leak
        #: score = score.masked_fill(~self.past[:t, :t].T, -1e4)
        mix = score.softmax(dim=-1) @ v
        return self.proj(mix.transpose(1, 2).reshape(b, t, c))
        # BUG merge: view-instead-of-permute
        #: return self.proj(mix.reshape(b, t, c))


class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.ln1, self.ln2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)
        self.attn = CausalAttention()
        self.mlp = nn.Sequential(
            nn.Linear(WIDTH, 2 * WIDTH), nn.GELU(), nn.Linear(2 * WIDTH, WIDTH)
        )

    def forward(self, x):
        x = x + self.attn(self.ln1(x))
        return x + self.mlp(self.ln2(x))


class GPT(nn.Module):
    def __init__(self):
        super().__init__()
        self.wte = nn.Embedding(VOCAB, WIDTH)
        self.wpe = nn.Embedding(CONTEXT, WIDTH)
        self.blocks = nn.ModuleList([Layer() for _ in range(2)])
        # BUG plain-list: unregistered-parameters, optimizer-misses-parameters
        #: self.blocks = [Layer() for _ in range(2)]
        self.ln = nn.LayerNorm(WIDTH)
        self.head = nn.Linear(WIDTH, VOCAB, bias=False)
        self.head.weight = self.wte.weight
        nn.init.normal_(self.wte.weight, std=0.02)

    def forward(self, ids):
        x = self.wte(ids) + self.wpe(torch.arange(ids.shape[1]))
        for block in self.blocks:
            x = block(x)
        return self.head(self.ln(x))


def text(seed):
    g = torch.Generator().manual_seed(seed)
    start = torch.randint(0, VOCAB, (8, 1), generator=g)
    step = torch.randint(1, 4, (8, 1), generator=g)
    return (start + step * torch.arange(CONTEXT + 1)) % VOCAB


batch = text(0)
train_batches = [text(0), text(1)]
val_batches = [text(30)]


def make_model():
    return GPT()


def make_optimizer(model):
    return torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.01)


def loss_fn(model, ids):
    source, target = ids[:, :-1], ids[:, 1:]
    # BUG same-tokens: labels-not-shifted
    #: source, target = ids[:, :-1], ids[:, :-1]
    logits = model(source)
    return F.cross_entropy(logits.reshape(-1, VOCAB), target.reshape(-1))


def train_step(model, optimizer, ids):
    model.train()
    loss = loss_fn(model, ids)
    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 0.3)
    optimizer.step()
    # BUG late-clip 2: clip-misorder
    #: optimizer.step()
    #: torch.nn.utils.clip_grad_norm_(model.parameters(), 0.3)
    return loss.item()


@torch.no_grad()
def evaluate(model, batches):
    model.eval()
    losses = [loss_fn(model, ids).item() for ids in batches]
    return sum(losses) / len(losses)
