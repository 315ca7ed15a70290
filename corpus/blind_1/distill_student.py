"""A small student learns from a bigger frozen teacher."""

import torch
from torch import nn
from torch.nn import functional as F


def mlp(width):
    return nn.Sequential(nn.Linear(10, width), nn.ReLU(), nn.Linear(width, 5))


class Pair(nn.Module):
    def __init__(self):
        super().__init__()
        self.teacher = mlp(48).requires_grad_(False)
        self.student = mlp(16)

    def forward(self, x):
        return self.student(x)


g = torch.Generator().manual_seed(0)
batch = (torch.randn(16, 10, generator=g), torch.randint(0, 5, (16,), generator=g))


def make_model():
    return Pair()


def make_optimizer(model):
    return torch.optim.AdamW(model.student.parameters(), lr=0.01)


def loss_fn(model, batch, temperature=2.0):
    x, y = batch
    with torch.no_grad():
        soft = F.softmax(model.teacher(x) / temperature, dim=1)
    logits = model(x)
    guess = F.log_softmax(logits / temperature, dim=1)
    # BUG no-log: probabilities-into-nll
    #: guess = F.softmax(logits / temperature, dim=1)
    match = F.kl_div(guess, soft, reduction="batchmean")
    # BUG reversed: swapped-loss-arguments
    #: match = F.kl_div(soft.log(), guess.exp(), reduction="batchmean")
    return temperature**2 * match + 0.3 * F.cross_entropy(logits, y)


def train_step(model, optimizer, batch):
    model.student.train()
    optimizer.zero_grad()
    loss = loss_fn(model, batch)
    loss.backward()
    optimizer.step()
    return loss.item()
