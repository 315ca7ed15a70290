"""A small ViT with a class token, LayerScale and stochastic depth."""

import torch
from torch import nn
from torch.nn import functional as F


class Block(nn.Module):
    def __init__(self, width=24, heads=3, drop_path=0.1):
        super().__init__()
        self.ln1, self.ln2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attn = nn.MultiheadAttention(width, heads, batch_first=True)
        self.mlp = nn.Sequential(nn.Linear(width, 48), nn.GELU(), nn.Linear(48, width))
        self.scale1 = nn.Parameter(1e-4 * torch.ones(width))
        self.scale2 = nn.Parameter(1e-4 * torch.ones(width))
        self.drop_path = drop_path

    def keep(self, x):
        if not self.training:
            return x
        kept = torch.rand(x.shape[0], 1, 1) >= self.drop_path
        return x * kept / (1 - self.drop_path)

    def forward(self, x):
        h = self.ln1(x)
        x = x + self.keep(self.scale1 * self.attn(h, h, h, need_weights=False)[0])
        return x + self.keep(self.scale2 * self.mlp(self.ln2(x)))


class ViT(nn.Module):
    def __init__(self, patch=4, width=24, classes=5):
        super().__init__()
        self.patch = patch
        self.embed = nn.Linear(3 * patch * patch, width)
        self.cls = nn.Parameter(torch.zeros(1, 1, width))
        self.pos = nn.Parameter(0.02 * torch.randn(1, 10, width))
        self.blocks = nn.Sequential(Block(), Block())
        self.ln = nn.LayerNorm(width)
        self.head = nn.Linear(width, classes)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, image):
        n, c, h, w = image.shape
        p = self.patch
        x = image.view(n, c, h // p, p, w // p, p).permute(0, 2, 4, 1, 3, 5)
        x = self.embed(x.reshape(n, (h // p) * (w // p), c * p * p))
        x = torch.cat([self.cls.expand(n, -1, -1), x], dim=1) + self.pos
        return self.head(self.ln(self.blocks(x))[:, 0])


def pictures(seed, n=10):
    g = torch.Generator().manual_seed(seed)
    y = torch.randint(0, 5, (n,), generator=g)
    x = 0.3 * torch.randn(n, 3, 12, 12, generator=g)
    x[torch.arange(n), y % 3, 4 * (y // 3), :] += 2
    return x, y


batch = pictures(0)
train_batches = [pictures(0), pictures(1)]
val_batches = [pictures(9)]


def make_model():
    return ViT()


def make_optimizer(model):
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    optimizer.warmup = torch.optim.lr_scheduler.LinearLR(optimizer, 0.01, total_iters=5)
    return optimizer


def loss_fn(model, batch):
    return F.cross_entropy(model(batch[0]), batch[1])


def train_step(model, optimizer, batch):
    model.train()
    loss = loss_fn(model, batch)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    optimizer.warmup.step()
    return loss.item()


@torch.no_grad()
def evaluate(model, batches):
    model.eval()
    return sum((model(x).argmax(1) == y).float().mean().item() for x, y in batches)
