"""bfloat16 autocast without a scaler, accumulation over two micro-batches."""

import torch
from torch import nn
from torch.nn import functional as F


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(10, 48), nn.Linear(48, 3)
        self.norm = nn.LayerNorm(48)

    def forward(self, x):
        return self.b(F.relu(self.norm(self.a(x))))


def rows(seed):
    g = torch.Generator().manual_seed(seed)
    x = torch.randn(16, 10, generator=g)
    return x, x[:, :3].argmax(1)


batch = rows(0)
train_batches = [rows(0), rows(1)]
val_batches = [rows(2)]


def make_model():
    return Net()


def make_optimizer(model):
    return torch.optim.AdamW(model.parameters(), lr=5e-3)


def loss_fn(model, batch):
    with torch.autocast(device_type="cpu", dtype=torch.bfloat16):
        logits = model(batch[0])
        return F.cross_entropy(logits, batch[1])


def train_step(model, optimizer, batch):
    total = 0.0
    for x, y in zip(batch[0].chunk(2), batch[1].chunk(2)):
        loss = loss_fn(model, (x, y)) / 2
        loss.backward()
        total += loss.item()
    optimizer.step()
    optimizer.zero_grad()
    return total


@torch.no_grad()
def evaluate(model, batches):
    return sum((model(x).argmax(1) == y).float().mean().item() for x, y in batches)
