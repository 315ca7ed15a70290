"""Regression with warm-up and cosine decay, trained by a small trainer object."""

import math

import torch
from torch import nn


def make_model():
    return nn.Sequential(
        nn.Linear(8, 32),
        nn.LayerNorm(32),
        nn.ReLU(),
        nn.Linear(32, 1),
    )


def make_optimizer(model):
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
    # BUG wild: bad-learning-rate, exploding-gradient
    #: optimizer = torch.optim.SGD(model.parameters(), lr=30.0)
    # BUG tiny: bad-learning-rate, lost-update
    #: optimizer = torch.optim.SGD(model.parameters(), lr=1e-10)
    optimizer.schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda k: min(1.0, (k + 1) / 5) * 0.5 * (1 + math.cos(math.pi * k / 400))
    )
    return optimizer


def mixes(seed, n=16):
    g = torch.Generator().manual_seed(seed)
    x = torch.rand(n, 8, generator=g)
    strength = (2 * x[:, 0] - x[:, 1] * x[:, 2] + 0.5).unsqueeze(1)
    return x, strength


batch = mixes(0)
train_batches = [mixes(0), mixes(1)]
val_batches = [mixes(31)]


def loss_fn(model, batch):
    x, y = batch
    return ((model(x) - y) ** 2).mean()
    # BUG noise: no-single-batch-overfit, nondeterministic, shuffled-labels
    #: return ((model(x) - torch.rand_like(y) * 10) ** 2).mean()


def train_step(model, optimizer, batch):
    optimizer.zero_grad()
    loss = loss_fn(model, batch)
    loss.backward()
    optimizer.step()
    # BUG late 2: step-before-backward
    #: optimizer.step()  #!
    #: loss.backward()
    optimizer.schedule.step()
    # BUG early-schedule 2: scheduler-misorder
    #: optimizer.schedule.step()
    #: optimizer.step()
    return loss.item()


def evaluate(model, batches):
    with torch.inference_mode():
        return sum((model(x) - y).abs().mean().item() for x, y in batches) / len(batches)
