"""Gradient accumulation over four slices with a hand-made dynamic loss scale (doubles when all is well)."""

import torch
import torch.nn.functional as F
from torch import nn

g = torch.Generator().manual_seed(1710)
hidden = torch.randn(9, 5, generator=g)


def draw(n=48):
    x = torch.randn(n, 9, generator=g)
    return x, torch.tanh(x @ hidden).sum(1, keepdim=True) + 0.1 * torch.randn(n, 1, generator=g)


train_batches = [draw() for _ in range(5)]
batch = train_batches[0]
val_batches = [draw(128)]


class Scale:
    def __init__(self, start=2.0**10, every=20):
        self.value, self.every, self.good = start, every, 0

    def unscale(self, params):
        ok = True
        for p in params:
            if p.grad is not None:
                p.grad.div_(self.value)
                ok = ok and bool(p.grad.isfinite().all())
        self.good = self.good + 1 if ok else 0
        if not ok:
            self.value = max(self.value / 2, 1.0)
        elif self.good % self.every == 0:
            self.value = min(self.value * 2, 2.0**16)
        return ok


def make_model():
    return nn.Sequential(
        nn.Linear(9, 64), nn.GELU(), nn.Linear(64, 32), nn.GELU(), nn.Linear(32, 1)
    )


def make_optimizer(model):
    optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3)
    optimizer.scale = Scale()
    return optimizer


def loss_fn(model, batch):
    x, y = batch
    return F.smooth_l1_loss(model(x), y)


def train_step(model, optimizer, batch, slices=4):
    total = 0.0
    for x, y in zip(batch[0].chunk(slices), batch[1].chunk(slices)):
        loss = loss_fn(model, (x, y)) / slices
        (loss * optimizer.scale.value).backward()
        total += loss.item()
    if optimizer.scale.unscale(model.parameters()):
        nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        optimizer.step()
    optimizer.zero_grad()
    return total


def evaluate(model, batches):
    with torch.no_grad():
        return sum(loss_fn(model, b).item() for b in batches) / len(batches)
