"""Momentum contrast with a queue of negatives kept as a buffer."""

import copy

import torch
from torch import nn
from torch.nn import functional as F


class MoCo(nn.Module):
    def __init__(self, width=8, queue=32):
        super().__init__()
        self.q = nn.Sequential(nn.Linear(10, 24), nn.ReLU(), nn.Linear(24, width))
        self.k = copy.deepcopy(self.q).requires_grad_(False)
        self.register_buffer("queue", F.normalize(torch.randn(queue, width), dim=1))

    def forward(self, x):
        return F.normalize(self.q(x), dim=1)

    @torch.no_grad()
    def after_step(self, keys):
        for slow, fast in zip(self.k.parameters(), self.q.parameters()):
            slow.lerp_(fast, 0.05)
        self.queue.copy_(torch.cat([keys, self.queue])[: len(self.queue)])


def make_batch(generator):
    x = torch.randn(12, 10, generator=generator)
    noise = 0.1 * torch.randn(2, 12, 10, generator=generator)
    return x + noise[0], x + noise[1]


def make_model():
    return MoCo()


def make_optimizer(model):
    return torch.optim.SGD(model.q.parameters(), lr=0.05, momentum=0.9)


def keys(model, view):
    with torch.no_grad():
        return F.normalize(model.k(view), dim=1)


def loss_fn(model, batch):
    a, b = batch
    query, key = model(a), keys(model, b)
    positive = (query * key).sum(1, keepdim=True)
    logits = torch.cat([positive, query @ model.queue.T], 1) / 0.2
    return F.cross_entropy(logits, torch.zeros(len(a), dtype=torch.long))


def train_step(model, optimizer, batch):
    loss = loss_fn(model, batch)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    model.after_step(keys(model, batch[1]))
    return loss.item()
