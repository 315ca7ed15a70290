"""Mixture-of-Depths language model: the router picks the tokens of each sequence that go through the block.

In training the top half of the tokens of a sequence is picked (expert choice, which looks at the whole
sequence), as in the paper; a predictor learns that choice from the token alone, and evaluation uses it.
"""

import torch
import torch.nn.functional as F
from torch import nn

V, T, C = 11, 17, 32
g = torch.Generator().manual_seed(2404)


def lines(n=16):
    start = torch.randint(0, V, (n, 1), generator=g)
    step = torch.randint(1, 4, (n, 1), generator=g)
    x = (start + step * torch.arange(T)) % V
    hit = torch.rand(n, T, generator=g) < 0.05
    return torch.where(hit, torch.randint(0, V, (n, T), generator=g), x)


train_batches = [lines() for _ in range(8)]
batch = train_batches[0]
val_batches = [lines(32)]


class Block(nn.Module):
    def __init__(self, heads=2):
        super().__init__()
        self.heads = heads
        self.n1, self.n2 = nn.LayerNorm(C), nn.LayerNorm(C)
        self.qkv, self.proj = nn.Linear(C, 3 * C), nn.Linear(C, C)
        self.mlp = nn.Sequential(nn.Linear(C, 2 * C), nn.GELU(), nn.Linear(2 * C, C))

    def forward(self, x, usable=None):
        b, t, _ = x.shape
        q, k, v = self.qkv(self.n1(x)).view(b, t, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        mask = torch.ones(t, t, dtype=torch.bool).tril()
        if usable is not None:
            mask = mask & (usable[:, None, None, :] | torch.eye(t, dtype=torch.bool))
        a = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        x = x + self.proj(a.transpose(1, 2).reshape(b, t, C))
        return x + self.mlp(self.n2(x))


class MoDLM(nn.Module):
    def __init__(self):
        super().__init__()
        self.tok, self.pos = nn.Embedding(V, C), nn.Embedding(T, C)
        self.first, self.routed = Block(), Block()
        self.router, self.predictor = nn.Linear(C, 1, bias=False), nn.Linear(C, 1)
        self.head = nn.Linear(C, V)
        self.aux = None

    def forward(self, ids):
        x = self.first(self.tok(ids) + self.pos.weight[: ids.shape[1]])
        r = self.router(x).squeeze(-1)
        guess = self.predictor(x.detach()).squeeze(-1)
        if self.training:
            top = r.topk(ids.shape[1] // 2, dim=1).indices
            picked = torch.zeros_like(r, dtype=torch.bool).scatter(1, top, True)
            self.aux = F.binary_cross_entropy_with_logits(guess, picked.float())
        else:
            picked = guess > 0
        delta = self.routed(x, picked) - x
        x = x + delta * (picked * torch.sigmoid(r)).unsqueeze(-1)
        return self.head(x)


def make_model():
    return MoDLM()


def make_optimizer(model):
    return torch.optim.AdamW(model.parameters(), lr=3e-3, betas=(0.9, 0.95))


def loss_fn(model, batch):
    ce = F.cross_entropy(model(batch[:, :-1]).flatten(0, 1), batch[:, 1:].flatten())
    return ce + 0.1 * model.aux if model.training else ce


def evaluate(model, batches):
    model.eval()
    with torch.no_grad():
        nll = sum(loss_fn(model, b).item() for b in batches) / len(batches)
    model.train()
    return nll
