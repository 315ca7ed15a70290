"""Decoder with rotary embeddings, RMSNorm, SwiGLU, grouped-query attention."""

import torch
from torch import nn
from torch.nn import functional as F


class RMSNorm(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x):
        return self.weight * x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6)


def rotate(x):
    t, d = x.shape[-2:]
    angle = torch.arange(t)[:, None] / 100 ** (torch.arange(0, d, 2) / d)
    a, b = x[..., ::2], x[..., 1::2]
    turned = torch.stack((a * angle.cos() - b * angle.sin(), a * angle.sin() + b * angle.cos()), -1)
    return turned.flatten(-2)


class Layer(nn.Module):
    def __init__(self, width=24, heads=4, groups=2):
        super().__init__()
        self.heads, self.groups, self.size = heads, groups, width // heads
        self.q = nn.Linear(width, width, bias=False)
        self.kv = nn.Linear(width, 2 * groups * self.size, bias=False)
        self.o = nn.Linear(width, width, bias=False)
        self.gate = nn.Linear(width, 32, bias=False)
        self.up = nn.Linear(width, 32, bias=False)
        self.down = nn.Linear(32, width, bias=False)
        self.n1, self.n2 = RMSNorm(width), RMSNorm(width)

    def attend(self, x):
        b, t, c = x.shape
        q = rotate(self.q(x).view(b, t, self.heads, self.size).transpose(1, 2))
        k, v = self.kv(x).view(b, t, 2, self.groups, self.size).permute(2, 0, 3, 1, 4)
        k = rotate(k).repeat_interleave(self.heads // self.groups, 1)
        v = v.repeat_interleave(self.heads // self.groups, 1)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.o(y.transpose(1, 2).reshape(b, t, c))

    def forward(self, x):
        x = x + self.attend(self.n1(x))
        h = self.n2(x)
        return x + self.down(F.silu(self.gate(h)) * self.up(h))


class Llama(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(15, 24)
        self.layer = Layer()
        self.norm = RMSNorm(24)
        self.head = nn.Linear(24, 15, bias=False)

    def forward(self, ids):
        return self.head(self.norm(self.layer(self.embed(ids))))


def text(seed, n=8):
    g = torch.Generator().manual_seed(seed)
    start = torch.randint(0, 15, (n, 1), generator=g)
    return (start + 4 * torch.arange(9)) % 15


batch = text(0)
train_batches = [text(0), text(1)]
val_batches = [text(9)]


def make_model():
    return Llama()


def make_optimizer(model):
    optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3, weight_decay=0.1)
    optimizer.plan = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda k: min(1.0, k / 4))
    return optimizer


def loss_fn(model, ids):
    logits = model(ids[:, :-1])
    return F.cross_entropy(logits.transpose(1, 2), ids[:, 1:])


def train_step(model, optimizer, ids):
    loss = loss_fn(model, ids)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    optimizer.plan.step()
    return loss.item()


@torch.no_grad()
def evaluate(model, batches):
    return sum(loss_fn(model, ids).exp().item() for ids in batches) / len(batches)
