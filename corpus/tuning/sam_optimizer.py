"""Sharpness-aware minimisation as an optimizer wrapper with two steps."""

import torch
from torch import nn
from torch.nn import functional as F


class SAM(torch.optim.Optimizer):
    def __init__(self, params, base, rho=0.05, **kwargs):
        super().__init__(params, {"rho": rho, **kwargs})
        self.base = base(self.param_groups, **kwargs)

    @torch.no_grad()
    def first_step(self):
        grads = [p.grad for g in self.param_groups for p in g["params"] if p.grad is not None]
        norm = torch.stack([grad.norm() for grad in grads]).norm()
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    move = p.grad * (group["rho"] / (norm + 1e-12))
                    p.add_(move)
                    self.state[p]["move"] = move
        self.zero_grad()

    @torch.no_grad()
    def second_step(self):
        for group in self.param_groups:
            for p in group["params"]:
                if "move" in self.state[p]:
                    p.sub_(self.state[p]["move"])
        self.base.step()
        self.zero_grad()

    def step(self, closure=None):
        self.second_step()


def make_model():
    return nn.Sequential(nn.Linear(8, 32), nn.Hardswish(), nn.Linear(32, 3))


def rows(seed):
    g = torch.Generator().manual_seed(seed)
    x = torch.randn(16, 8, generator=g)
    return x, x[:, :3].argmax(1)


batch = rows(0)
train_batches = [rows(0), rows(1)]


def make_optimizer(model):
    return SAM(model.parameters(), torch.optim.SGD, lr=0.1)


def loss_fn(model, batch):
    return F.cross_entropy(model(batch[0]), batch[1])


def train_step(model, optimizer, batch):
    loss = loss_fn(model, batch)
    loss.backward()
    optimizer.first_step()
    loss_fn(model, batch).backward()
    optimizer.second_step()
    return loss.item()
