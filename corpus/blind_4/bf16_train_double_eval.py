"""bfloat16 autocast for the forward pass, float32 loss and weights; evaluation on a double-precision copy."""

import copy

import torch
import torch.nn.functional as F
from torch import nn

g = torch.Generator().manual_seed(47)
w = torch.randn(16, 5, generator=g)


def draw(n=32):
    x = torch.randn(n, 16, generator=g)
    return {"x": x, "y": (x @ w).argmax(1)}


batch = draw()
val_batches = [draw()]


def make_model():
    return nn.Sequential(nn.Linear(16, 32), nn.LayerNorm(32), nn.GELU(), nn.Linear(32, 5))


def make_optimizer(model):
    decay = [p for p in model.parameters() if p.dim() > 1]
    other = [p for p in model.parameters() if p.dim() <= 1]
    return torch.optim.AdamW(
        [{"params": decay, "weight_decay": 0.01}, {"params": other, "weight_decay": 0.0}], lr=5e-3
    )


def loss_fn(model, batch):
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = model(batch["x"])
    return F.cross_entropy(logits.float(), batch["y"])


def train_step(model, optimizer, batch):
    optimizer.zero_grad(set_to_none=True)
    loss = loss_fn(model, batch)
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    return loss.item()


@torch.no_grad()
def evaluate(model, batches):
    exact = copy.deepcopy(model).double().eval()
    return sum(F.cross_entropy(exact(b["x"].double()), b["y"]).item() for b in batches) / len(
        batches
    )
