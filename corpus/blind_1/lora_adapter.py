"""Low-rank adapters on a frozen two-layer network."""

import torch
from torch import nn
from torch.nn import functional as F


class LoRA(nn.Module):
    def __init__(self, base, rank=2, alpha=4):
        super().__init__()
        self.base = base.requires_grad_(False)
        self.A = nn.Parameter(torch.randn(rank, base.in_features) / base.in_features**0.5)
        self.B = nn.Parameter(torch.zeros(base.out_features, rank))
        self.scaling = alpha / rank

    def forward(self, x):
        return self.base(x) + self.scaling * F.linear(F.linear(x, self.A), self.B)


def make_model():
    torch.manual_seed(3)
    return nn.Sequential(LoRA(nn.Linear(8, 24)), nn.Tanh(), LoRA(nn.Linear(24, 4)))


def data(seed):
    g = torch.Generator().manual_seed(seed)
    x = torch.randn(16, 8, generator=g)
    return x, x[:, :4].argmax(1)


batch = data(0)
train_batches = [data(0), data(1)]
val_batches = [data(5)]


def make_optimizer(model):
    return torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=0.02)


def loss_fn(model, batch):
    return F.cross_entropy(model(batch[0]), batch[1])


def train_step(model, optimizer, batch):
    optimizer.zero_grad()
    loss = loss_fn(model, batch)
    loss.backward()
    optimizer.step()
    return loss.item()


def evaluate(model, batches):
    with torch.no_grad():
        return sum((model(x).argmax(1) == y).float().mean().item() for x, y in batches)
