"""bfloat16 autocast with a gradient scaler, unscale and clip in the right order."""

import torch
from torch import nn
from torch.nn import functional as F


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(12, 32), nn.GELU(), nn.LayerNorm(32), nn.Linear(32, 3)
        )

    def forward(self, x):
        return self.layers(x)


def data(seed):
    g = torch.Generator().manual_seed(seed)
    x = torch.randn(16, 12, generator=g)
    return x, x[:, :3].argmax(1)


batch = data(0)
train_batches = [data(0), data(1)]
val_batches = [data(2)]


def make_model():
    return Net()


def make_optimizer(model):
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    optimizer.scaler = torch.amp.GradScaler("cpu", init_scale=256.0)
    return optimizer


def loss_fn(model, batch):
    x, y = batch
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = model(x)
    return F.cross_entropy(logits.float(), y)


def train_step(model, optimizer, batch):
    optimizer.zero_grad(set_to_none=True)
    loss = loss_fn(model, batch)
    optimizer.scaler.scale(loss).backward()
    optimizer.scaler.unscale_(optimizer)
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.scaler.step(optimizer)
    optimizer.scaler.update()
    return loss.item()


@torch.no_grad()
def evaluate(model, batches):
    return sum((model(x).argmax(1) == y).float().mean().item() for x, y in batches)
