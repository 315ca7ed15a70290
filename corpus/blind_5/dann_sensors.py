"""Domain-adversarial training (gradient reversal): labelled source sensors, unlabelled shifted target sensors."""

import math

import torch
import torch.nn.functional as F
from torch import nn

G = torch.Generator().manual_seed(2015)
W = torch.randn(10, 3, generator=G)


def source(n=32):
    x = torch.randn(n, 10, generator=G)
    return x, (x @ W).argmax(1)


def target(n=32):
    x, y = source(n)
    return x * 1.3 + 0.5, y


def both():
    (xs, ys), (xt, _) = source(), target()
    return {"xs": xs, "ys": ys, "xt": xt}


train_batches = [both() for _ in range(8)]
batch = train_batches[0]
val_batches = [target(64) for _ in range(2)]


class Reverse(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, strength):
        ctx.strength = strength
        return x.view_as(x)

    @staticmethod
    def backward(ctx, grad):
        return -ctx.strength * grad, None


class DANN(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Linear(10, 64), nn.ReLU(), nn.Dropout(0.3), nn.Linear(64, 32), nn.ReLU()
        )
        self.label = nn.Linear(32, 3)
        self.domain = nn.Sequential(nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 1))
        self.register_buffer("progress", torch.zeros(()))

    def forward(self, x):
        return self.label(self.features(x))

    def adversary(self, x):
        strength = 0.3 * (2 / (1 + math.exp(-10 * float(self.progress))) - 1)
        return self.domain(Reverse.apply(self.features(x), strength)).squeeze(1)


def make_model():
    return DANN()


def make_optimizer(model):
    return torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)


def loss_fn(model, batch):
    loss = F.cross_entropy(model(batch["xs"]), batch["ys"])
    x = torch.cat([batch["xs"], batch["xt"]])
    is_target = torch.arange(len(x)) >= len(batch["xs"])
    return loss + F.binary_cross_entropy_with_logits(model.adversary(x), is_target.float())


def train_step(model, optimizer, batch):
    model.train()
    model.progress += (1 - model.progress) / 400
    optimizer.zero_grad()
    loss = loss_fn(model, batch)
    loss.backward()
    optimizer.step()
    return loss.item()


def evaluate(model, batches):
    model.eval()
    right = total = 0
    with torch.no_grad():
        for x, y in batches:
            right += (model(x).argmax(1) == y).sum().item()
            total += len(y)
    return right / total
