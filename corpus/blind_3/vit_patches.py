"""A vision transformer written by hand; images carry a bright bar whose place is the class."""

import torch
import torch.nn.functional as F
from torch import nn

SIZE, PATCH, CHANNELS, CLASSES = 12, 4, 3, 6
GRID = SIZE // PATCH


def pictures(n, seed):
    g = torch.Generator().manual_seed(seed)
    y = torch.randint(CLASSES, (n,), generator=g)
    x = 0.3 * torch.randn(n, CHANNELS, SIZE, SIZE, generator=g)
    for i, k in enumerate(y.tolist()):
        if k < 3:
            x[i, k % 3, 4 * k : 4 * k + 2, :] += 1.5
        else:
            x[i, k % 3, :, 4 * (k - 3) : 4 * (k - 3) + 2] += 1.5
    return x, y


def patchify(x):
    n, c, h, w = x.shape
    x = x.reshape(n, c, h // PATCH, PATCH, w // PATCH, PATCH)
    return x.permute(0, 2, 4, 3, 5, 1).reshape(n, GRID * GRID, PATCH * PATCH * c)
    # BUG rawpatch 2: view-instead-of-permute
    #: return x.reshape(n, GRID * GRID, PATCH * PATCH * c)
    # FINE unfold 2: the library's own patch extraction
    #: return F.unfold(x, PATCH, stride=PATCH).transpose(1, 2)


class Attention(nn.Module):
    def __init__(self, dim, heads):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(dim, 3 * dim)
        self.out = nn.Linear(dim, dim)

    def forward(self, x):
        n, t, d = x.shape
        q, k, v = self.qkv(x).chunk(3, dim=-1)
        q, k, v = (a.view(n, t, self.heads, -1).transpose(1, 2) for a in (q, k, v))
        # BUG headview: view-instead-of-permute
        #: q, k, v = (a.reshape(n, self.heads, t, -1) for a in (q, k, v))
        weights = (q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5).softmax(-1)
        # BUG querysoft: wrong-softmax-dim
        #: weights = (q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5).softmax(-2)
        mixed = weights @ v
        return self.out(mixed.transpose(1, 2).flatten(2))
        # BUG mergeview: view-instead-of-permute
        #: return self.out(mixed.reshape(n, t, d))


class Layer(nn.Module):
    def __init__(self, dim, heads, p):
        super().__init__()
        self.p = p
        self.attend = Attention(dim, heads)
        self.norm1, self.norm2 = nn.LayerNorm(dim), nn.LayerNorm(dim)
        self.mlp = nn.Sequential(nn.Linear(dim, 2 * dim), nn.GELU(), nn.Linear(2 * dim, dim))

    def forward(self, x):
        x = x + self.attend(self.norm1(x))
        return x + F.dropout(self.mlp(self.norm2(x)), self.p, self.training)


class ViT(nn.Module):
    def __init__(self, dim=24, heads=4, depth=2):
        super().__init__()
        self.embed = nn.Linear(PATCH * PATCH * CHANNELS, dim)
        self.cls = nn.Parameter(0.02 * torch.randn(1, 1, dim))
        self.pos = nn.Parameter(0.02 * torch.randn(1, GRID * GRID + 1, dim))
        self.layers = nn.ModuleList([Layer(dim, heads, 0.1) for _ in range(depth)])
        self.norm = nn.LayerNorm(dim)
        self.head = nn.Linear(dim, CLASSES)

    def forward(self, x):
        x = self.embed(patchify(x))
        x = torch.cat([self.cls.expand(len(x), -1, -1), x], dim=1) + self.pos
        for layer in self.layers:
            x = layer(x)
        return self.head(self.norm(x[:, 0]))
        # BUG headprobs: softmax-into-cross-entropy, double-softmax
        #: scores = torch.exp(self.head(self.norm(x[:, 0])))
        #: return scores / scores.sum(dim=1, keepdim=True)


def make_model():
    return ViT()


def make_optimizer(model):
    return torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.01)


def loss_fn(model, batch):
    images, labels = batch
    return F.cross_entropy(model(images), labels)


def train_step(model, optimizer, batch):
    model.train()
    loss = loss_fn(model, batch)
    optimizer.zero_grad()
    loss.backward()
    # BUG late: missing-zero-grad, no-single-batch-overfit, step-before-backward
    #: loss.backward()
    #: optimizer.zero_grad()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    return float(loss.detach())


@torch.no_grad()
def evaluate(model, batches):
    model.eval()
    hits = torch.cat([(model(x).argmax(1) == y).float() for x, y in batches])
    return hits.mean().item()


batch = pictures(20, 3)
val_batches = [pictures(20, 900), pictures(20, 901)]
