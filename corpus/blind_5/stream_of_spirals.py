"""Online learning: a training step draws its own examples; the batch it is given only says how many."""

import math

import torch
import torch.nn.functional as F
from torch import nn


def spirals(n, generator):
    y = torch.randint(0, 3, (n,), generator=generator)
    r = torch.rand(n, generator=generator).sqrt()
    a = 4 * r + y * 2 * math.pi / 3 + 0.1 * torch.randn(n, generator=generator)
    return torch.stack([r * a.cos(), r * a.sin()], 1), y


held = torch.Generator().manual_seed(1)
batch = spirals(64, held)
val_batches = [spirals(128, held) for _ in range(2)]


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("freq", 2.0 * torch.randn(2, 24))
        self.mlp = nn.Sequential(nn.Linear(48, 64), nn.ReLU(), nn.Linear(64, 3))

    def forward(self, p):
        w = p @ self.freq
        return self.mlp(torch.cat([w.sin(), w.cos()], -1))


def make_model():
    return Net()


def make_optimizer(model):
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    optimizer.stream = torch.Generator().manual_seed(2)
    return optimizer


def loss_fn(model, batch):
    p, y = batch
    return F.cross_entropy(model(p), y)


def train_step(model, optimizer, batch):
    fresh = spirals(len(batch[1]), optimizer.stream)
    # BUG same-draw: rng-reset
    #: fresh = spirals(len(batch[1]), torch.Generator().manual_seed(2))
    optimizer.zero_grad()
    loss = loss_fn(model, fresh)
    loss.backward()
    optimizer.step()
    return loss.item()


def evaluate(model, batches):
    with torch.inference_mode():
        return sum((model(p).argmax(1) == y).float().mean().item() for p, y in batches) / len(
            batches
        )
