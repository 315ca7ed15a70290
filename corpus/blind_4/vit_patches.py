"""A small vision transformer on synthetic textures."""

import math

import torch
import torch.nn.functional as F
from torch import nn
from torch.optim.lr_scheduler import LambdaLR

CLASSES = 4


class PreNorm(nn.Module):
    def __init__(self, dim, fn):
        super().__init__()
        self.norm = nn.LayerNorm(dim)
        self.fn = fn

    def forward(self, x):
        return self.fn(self.norm(x))


class Attention(nn.Module):
    def __init__(self, dim, heads=4, dropout=0.1):
        super().__init__()
        self.heads = heads
        self.scale = (dim // heads) ** -0.5
        self.to_qkv = nn.Linear(dim, dim * 3, bias=False)
        self.to_out = nn.Sequential(nn.Linear(dim, dim), nn.Dropout(dropout))

    def forward(self, x):
        b, n, d = x.shape
        qkv = self.to_qkv(x).chunk(3, dim=-1)
        q, k, v = (t.view(b, n, self.heads, -1).transpose(1, 2) for t in qkv)
        # BUG heads-view: view-instead-of-permute
        #: q, k, v = (t.reshape(b, self.heads, n, -1) for t in qkv)
        # FINE heads-unflatten: the same split by unflatten and movedim
        #: q, k, v = (t.unflatten(-1, (self.heads, -1)).movedim(2, 1) for t in qkv)
        attn = (torch.einsum("bhid,bhjd->bhij", q, k) * self.scale).softmax(dim=-1)
        out = torch.einsum("bhij,bhjd->bhid", attn, v)
        out = out.transpose(1, 2).reshape(b, n, d)
        return self.to_out(out)


class FeedForward(nn.Sequential):
    def __init__(self, dim, hidden, dropout=0.1):
        super().__init__(
            nn.Linear(dim, hidden), nn.GELU(), nn.Dropout(dropout), nn.Linear(hidden, dim)
        )


class ViT(nn.Module):
    def __init__(self, size=16, patch=4, dim=32, depth=2):
        super().__init__()
        self.patch = patch
        n = (size // patch) ** 2
        self.embed = nn.Linear(3 * patch * patch, dim)
        self.cls = nn.Parameter(torch.randn(1, 1, dim) * 0.02)
        self.pos = nn.Parameter(torch.randn(1, n + 1, dim) * 0.02)
        self.layers = nn.ModuleList()
        for _ in range(depth):
            self.layers.append(
                nn.ModuleList(
                    [PreNorm(dim, Attention(dim)), PreNorm(dim, FeedForward(dim, dim * 2))]
                )
            )
        self.norm = nn.LayerNorm(dim)
        self.head = nn.Linear(dim, CLASSES)

    def forward(self, img):
        b, c, h, w = img.shape
        p = self.patch
        x = img.reshape(b, c, h // p, p, w // p, p)
        x = x.permute(0, 2, 4, 1, 3, 5).reshape(b, (h // p) * (w // p), c * p * p)
        x = self.embed(x)
        x = torch.cat([self.cls.expand(b, -1, -1), x], dim=1) + self.pos
        for attn, ff in self.layers:
            x = x + attn(x)
            x = x + ff(x)
        logits = self.head(self.norm(x)[:, 0])
        return logits
        # BUG probs: softmax-into-cross-entropy, double-softmax
        #: return F.softmax(logits, dim=-1)  #!


def make_data(n, seed):
    g = torch.Generator().manual_seed(seed)
    y = torch.randint(0, CLASSES, (n,), generator=g)
    t = torch.linspace(0, 2 * math.pi, 16)
    grid = torch.stack(
        [
            t[:, None].expand(16, 16),
            t[None].expand(16, 16),
            t[:, None] + t[None],
            t[:, None] - t[None],
        ]
    )
    phase = torch.rand(n, 1, 1, generator=g)
    wave = torch.sin(2 * grid[y] + phase)
    img = wave[:, None] * torch.tensor([1.0, 0.6, -0.4]).view(1, 3, 1, 1)
    return {"pixel_values": img + 0.3 * torch.randn(n, 3, 16, 16, generator=g), "labels": y}


batch = make_data(16, 0)
val_batches = [make_data(16, 1), make_data(16, 2)]


def make_model():
    return ViT()


def loss_fn(model, batch):
    return F.cross_entropy(model(batch["pixel_values"]), batch["labels"])


def make_optimizer(model):
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.05)
    optimizer.scheduler = LambdaLR(
        optimizer,
        lambda s: min(1.0, (s + 1) / 5) * 0.5 * (1 + math.cos(math.pi * min(s, 400) / 500)),
    )
    return optimizer


def train_step(model, optimizer, batch):
    model.train()
    loss = loss_fn(model, batch)
    optimizer.zero_grad()
    # BUG no-zero: missing-zero-grad
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    # BUG clip-late 2: clip-misorder
    #: optimizer.step()
    #: nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.scheduler.step()
    # BUG sched-first 3: scheduler-misorder
    #: nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    #: optimizer.scheduler.step()  #!
    #: optimizer.step()
    return loss.item()


@torch.no_grad()
def evaluate(model, batches):
    model.eval()
    hits = total = 0
    for b in batches:
        pred = model(b["pixel_values"]).softmax(-1).argmax(-1)
        hits += (pred == b["labels"]).sum().item()
        total += len(pred)
    return hits / total
