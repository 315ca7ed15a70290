"""Weight averages that are swapped in for evaluation and swapped out again."""

import contextlib

import torch
import torch.nn.functional as F
from torch import nn

g = torch.Generator().manual_seed(61)
frequency = torch.randn(3, 10, generator=g)


def field(n=48):
    p = torch.rand(n, 3, generator=g) * 2 - 1
    return p, torch.sin(2 * p @ frequency).mean(1) * 2 + 0.1 * torch.randn(n, generator=g)


train_batches = [field() for _ in range(10)]
batch = train_batches[0]
val_batches = [field(128)]


class Sine(nn.Module):
    def forward(self, x):
        return torch.sin(x)


class Field(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(3, 48), Sine(), nn.Linear(48, 48), Sine(), nn.Linear(48, 1)
        )
        self.shadow = {k: p.detach().clone() for k, p in self.net.named_parameters()}

    def forward(self, p):
        return self.net(p).squeeze(1)

    @torch.no_grad()
    def remember(self, decay=0.9):
        for k, p in self.net.named_parameters():
            self.shadow[k].mul_(decay).add_(p, alpha=1 - decay)
            # BUG local: lost-update
            #: average = self.shadow[k]
            #: average = average * decay + p * (1 - decay) #!

    @contextlib.contextmanager
    def averaged(self):
        own = {k: p.detach().clone() for k, p in self.net.named_parameters()}
        self.net.load_state_dict(self.shadow)
        try:
            yield self
        finally:
            self.net.load_state_dict(own)


def make_model():
    return Field()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=5e-3)


def loss_fn(model, batch):
    p, v = batch
    return F.mse_loss(model(p), v)


def train_step(model, optimizer, batch):
    optimizer.zero_grad()
    loss = loss_fn(model, batch)
    loss.backward()
    optimizer.step()
    model.remember()
    return loss.item()


@torch.no_grad()
def evaluate(model, batches):
    with model.averaged():
        return sum(loss_fn(model, b).item() for b in batches) / len(batches)
