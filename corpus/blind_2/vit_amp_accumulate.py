"""A vision transformer under bfloat16 autocast with accumulation over micro-batches."""

import time

import torch
from torch import nn
from torch.nn import functional as F


class Attention(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.heads = heads
        self.to_qkv = nn.Linear(dim, dim * 3)
        self.to_out = nn.Linear(dim, dim)

    def forward(self, x):
        n, t, d = x.shape
        q, k, v = (
            part.reshape(n, t, self.heads, d // self.heads).transpose(1, 2)
            for part in self.to_qkv(x).chunk(3, dim=-1)
        )
        # BUG heads-without-transpose: view-instead-of-permute
        #: q, k, v = (
        #:     part.reshape(n, self.heads, t, d // self.heads)  #!
        #:     for part in self.to_qkv(x).chunk(3, dim=-1)
        #: )
        scores = q @ k.transpose(-2, -1) * (d // self.heads) ** -0.5
        weights = torch.softmax(scores, dim=-1)
        # BUG heads-axis: wrong-softmax-dim
        #: weights = torch.softmax(scores, dim=1)
        return self.to_out((weights @ v).transpose(1, 2).reshape(n, t, d))
        # BUG heads-merged: view-instead-of-permute
        #: return self.to_out((weights @ v).reshape(n, t, d))


class ViT(nn.Module):
    def __init__(self, dim=24, patch=4, classes=3):
        super().__init__()
        self.patch = patch
        self.embed = nn.Linear(patch * patch, dim)
        self.position = nn.Parameter(0.02 * torch.randn(4, dim))
        self.norm1, self.norm2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.attention = Attention(dim, 3)
        self.mlp = nn.Sequential(nn.Linear(dim, 32), nn.GELU(), nn.Linear(32, dim))
        self.head = nn.Linear(dim, classes)

    def forward(self, image):
        n, _, h, w = image.shape
        p = self.patch
        x = image.view(n, h // p, p, w // p, p).transpose(2, 3).flatten(3).flatten(1, 2)
        # FINE unfold: patches by unfold
        #: x = F.unfold(image, p, stride=p).transpose(1, 2)
        x = self.embed(x) + self.position
        x = x + self.attention(self.norm1(x))
        x = x + self.mlp(self.norm2(x))
        return self.head(x.mean(1))


def pictures(seed, n=12):
    g = torch.Generator().manual_seed(seed)
    y = torch.randint(0, 3, (n,), generator=g)
    x = 0.5 * torch.randn(n, 1, 8, 8, generator=g)
    x[torch.arange(n), 0, 2 * y] += 1.5
    return x, y


batch = pictures(0)
train_batches = [pictures(0), pictures(1)]
val_batches = [pictures(31)]


def make_model():
    return ViT()


def make_optimizer(model):
    return torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.05)
    # BUG embed-left: optimizer-misses-parameters
    #: names = {n: p for n, p in model.named_parameters() if "norm" in n or "mlp" in n or "head" in n}
    #: return torch.optim.AdamW(names.values(), lr=3e-3, weight_decay=0.05)


def loss_fn(model, batch):
    images, labels = batch
    # BUG clock-noise 0: nondeterministic
    #: clock = torch.Generator().manual_seed(time.time_ns() % 2**31)  #!
    #: images = images + 0.1 * torch.randn(images.shape, generator=clock)  #!
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = model(images)
    return F.cross_entropy(logits.float(), labels)
    # FINE smoothing: label smoothing
    #: return F.cross_entropy(logits.float(), labels, label_smoothing=0.1)


def train_step(model, optimizer, batch, micro=3):
    images, labels = batch
    total = 0.0
    optimizer.zero_grad()
    for x, y in zip(images.split(len(images) // micro), labels.split(len(labels) // micro)):
        loss = loss_fn(model, (x, y)) / micro
        loss.backward()
        # BUG zero-inside 2: missing-zero-grad
        #: optimizer.zero_grad()  #!
        #: loss = loss_fn(model, (x, y)) / micro
        #: loss.backward()
        total += loss.item()
        # BUG total-graph: graph-growth
        #: total = total + loss
    # BUG total-graph 0: graph-growth
    #: model.seen = getattr(model, "seen", 0.0) + total  #!
    nn.utils.clip_grad_norm_(model.parameters(), 0.2)
    optimizer.step()
    # BUG clip-afterwards 2: clip-misorder
    #: optimizer.step()
    #: nn.utils.clip_grad_norm_(model.parameters(), 0.2)  #!
    # FINE clip-value 2: values are clipped in place of norms
    #: nn.utils.clip_grad_value_(model.parameters(), 0.5)
    #: optimizer.step()
    return total


def evaluate(model, batches):
    with torch.no_grad():
        return sum((model(x).argmax(1) == y).float().mean().item() for x, y in batches) / len(
            batches
        )
