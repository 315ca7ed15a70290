"""Fine-tuning with gradual unfreezing: the head first, then one block more every few steps."""

import torch
import torch.nn.functional as F
from torch import nn

g = torch.Generator().manual_seed(3)
W = torch.randn(12, 4, generator=g)


def draw(n):
    x = torch.randn(n, 12, generator=g)
    return x, (x @ W).argmax(1)


batch = draw(32)
val_batches = [draw(32), draw(32)]
EVERY = 4


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.blocks = nn.ModuleList([nn.Linear(12, 32), nn.Linear(32, 32), nn.Linear(32, 32)])
        self.head = nn.Linear(32, 4)
        self.steps = 0
        for block in self.blocks:
            block.requires_grad_(False)

    def forward(self, x):
        for block in self.blocks:
            x = F.gelu(block(x))
        return self.head(x)

    def thaw(self):
        """Called once per step: after k * EVERY steps the last k blocks are free."""
        self.steps += 1
        free = min(self.steps // EVERY, len(self.blocks))
        for block in list(self.blocks)[len(self.blocks) - free :]:
            block.requires_grad_(True)


def make_model():
    return Net()


def make_optimizer(model):
    # every parameter is known to the optimizer from the start; frozen ones have no gradient and are skipped
    return torch.optim.AdamW(
        [
            {"params": model.blocks.parameters(), "lr": 3e-3},
            {"params": model.head.parameters(), "lr": 1e-2},
        ]
    )


def loss_fn(model, batch):
    x, y = batch
    return F.cross_entropy(model(x), y)


def train_step(model, optimizer, batch):
    model.train()
    model.thaw()
    optimizer.zero_grad()
    loss = loss_fn(model, batch)
    loss.backward()
    optimizer.step()
    return loss.detach()


@torch.no_grad()
def evaluate(model, batches):
    was = model.training
    model.eval()
    hits = total = 0
    for x, y in batches:
        hits += (model(x).argmax(1) == y).sum().item()
        total += len(y)
    model.train(was)
    return hits / total
