"""Quantiles of energy use: pinball loss, a scheduler stepped once a step."""

import torch
import torch.nn.functional as F
from torch import nn

LEVELS = torch.tensor([0.1, 0.5, 0.9])


class Quantiles(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU())
        # BUG dying: dead-relu
        #: self.body = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU())
        #: nn.init.constant_(self.body[2].bias, -20.0)  #!
        self.out = nn.Linear(32, 3)

    def forward(self, x):
        return self.out(self.body(x))
        # FINE ordered: increments keep the quantiles in order
        #: low, *steps = self.out(self.body(x)).unbind(1)
        #: return torch.stack([low, *map(F.softplus, steps)], 1).cumsum(1)
        # BUG bounded: no-single-batch-overfit
        #: return torch.sigmoid(self.out(self.body(x)))


def meters(seed, n=24):
    g = torch.Generator().manual_seed(seed)
    x = torch.randn(n, 4, generator=g)
    use = 1 + 2 * x[:, 0] + x[:, 1].abs() * torch.randn(n, generator=g)
    return x, use


batch = meters(0)
train_batches = [meters(0), meters(1)]
val_batches = [meters(8)]


def make_model():
    return Quantiles()


def make_optimizer(model):
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda k: min(1.0, (k + 1) / 5))
    # BUG collapses: scheduler-misorder, bad-learning-rate
    #: scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.1)
    # FINE one-cycle: a rise and a fall
    #: scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.02, total_steps=2000)
    optimizer.scheduler = scheduler
    return optimizer


def pinball(quantiles, target):
    error = target.unsqueeze(1) - quantiles
    # BUG three-by-row: broadcast-loss
    #: error = target - quantiles[:, 1:2]
    return torch.maximum(LEVELS * error, (LEVELS - 1) * error).mean()
    # BUG smaller: wrong-loss-sign
    #: return torch.minimum(LEVELS * error, (LEVELS - 1) * error).mean()
    # BUG three-by-row: broadcast-loss
    #: return torch.maximum(0.5 * error, -0.5 * error).mean()


def loss_fn(model, batch):
    x, use = batch
    return pinball(model(x), use)


def train_step(model, optimizer, batch):
    optimizer.zero_grad(set_to_none=False)
    loss = loss_fn(model, batch)
    loss.backward()
    optimizer.step()
    optimizer.scheduler.step()
    # BUG schedule-first 2: scheduler-misorder
    #: optimizer.scheduler.step()
    #: optimizer.step()
    # BUG both-before 4: step-before-backward
    #: optimizer.step()  #!
    #: optimizer.scheduler.step()
    #: loss = loss_fn(model, batch)
    #: loss.backward()
    return loss.item()


def evaluate(model, batches):
    with torch.no_grad():
        losses = [loss_fn(model, b) for b in batches]
    # BUG trains-on-test 0: eval-mutates-model
    #: for b in batches:
    #:     loss_fn(model, b).backward()
    #: with torch.no_grad():
    #:     for p in model.parameters():
    #:         p -= 1e-3 * p.grad  #!
    #: model.zero_grad()
    return -torch.stack(losses).mean().item()
