"""A classifier under a per-step scheduler, in a small training loop of its own."""

import torch
from torch import nn
from torch.nn import functional as F


def make_model():
    return nn.Sequential(
        nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 3)
    )


def make_optimizer(model):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    optimizer.scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=1000)
    # BUG huge: bad-learning-rate, exploding-gradient, nan-gradient
    #: optimizer.scheduler = torch.optim.lr_scheduler.ConstantLR(optimizer, 1.0)
    #: for group in optimizer.param_groups:
    #:     group["lr"] = 50.0  #!
    # BUG zero: bad-learning-rate
    #: optimizer.scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda k: k // 1000)
    # BUG minute: bad-learning-rate, lost-update
    #: optimizer.scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-9, total_steps=1000)
    # BUG collapse: bad-learning-rate, scheduler-misorder
    #: optimizer.scheduler = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.01)
    return optimizer


def rows(seed):
    g = torch.Generator().manual_seed(seed)
    x = torch.randn(16, 10, generator=g)
    return x, x[:, :3].argmax(1)


batch = rows(0)
train_batches = [rows(s) for s in range(3)]
val_batches = [rows(21)]


def loss_fn(model, batch):
    x, y = batch
    return F.cross_entropy(model(x), y)


def train_step(model, optimizer, batch):
    optimizer.zero_grad()
    # BUG recreate: optimizer-recreated
    #: optimizer = make_optimizer(model)  #!
    #: optimizer.zero_grad()
    loss = loss_fn(model, batch)
    loss.backward()
    optimizer.step()
    optimizer.scheduler.step()
    # BUG scheduler-first 2: scheduler-misorder
    #: optimizer.scheduler.step()
    #: optimizer.step()
    return loss.item()


@torch.no_grad()
def evaluate(model, batches):
    return sum((model(x).argmax(1) == y).float().mean().item() for x, y in batches)
