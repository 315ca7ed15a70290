"""Deep residual MLP with gradient checkpointing; linear warm-up from learning rate 0 and cosine decay, stepped per batch."""

import math

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.checkpoint import checkpoint

g = torch.Generator().manual_seed(48)
w = torch.randn(8, 2, generator=g)


def draw(n=32):
    x = torch.randn(n, 8, generator=g)
    return x, (x @ w).cos() + 0.5


batch = draw()
val_batches = [draw(), draw()]


class Block(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.norm, self.up, self.down = nn.LayerNorm(d), nn.Linear(d, 2 * d), nn.Linear(2 * d, d)
        nn.init.zeros_(self.down.weight)

    def forward(self, x):
        return x + self.down(F.silu(self.up(self.norm(x))))


class Deep(nn.Module):
    def __init__(self, d=16, depth=4):
        super().__init__()
        self.inp, self.out = nn.Linear(8, d), nn.Linear(d, 2)
        self.blocks = nn.ModuleList(Block(d) for _ in range(depth))

    def forward(self, x):
        x = self.inp(x)
        for block in self.blocks:
            x = checkpoint(block, x, use_reentrant=False) if self.training else block(x)
        return self.out(x)


class Scheduled(torch.optim.AdamW):
    """AdamW that owns its schedule, so that one step() moves both in the right order."""

    def __init__(self, params, lr, warm=5, total=400):
        super().__init__(params, lr=lr)
        self.schedule = torch.optim.lr_scheduler.LambdaLR(
            self,
            lambda k: (
                k / warm
                if k < warm
                else 0.5 * (1 + math.cos(math.pi * min(1.0, (k - warm) / (total - warm))))
            ),
        )


def make_model():
    return Deep()


def make_optimizer(model):
    return Scheduled(model.parameters(), lr=1e-2)


def loss_fn(model, batch):
    return F.mse_loss(model(batch[0]), batch[1])


def train_step(model, optimizer, batch):
    model.train()
    optimizer.zero_grad()
    loss = loss_fn(model, batch)
    loss.backward()
    optimizer.step()
    optimizer.schedule.step()
    return loss.item()


@torch.no_grad()
def evaluate(model, batches):
    was = model.training
    model.eval()
    value = sum(loss_fn(model, b).item() for b in batches) / len(batches)
    model.train(was)
    return value
