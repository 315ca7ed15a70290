"""A momentum encoder and a running centre for self-distillation (DINO)."""

import copy

import torch
from torch import nn
from torch.nn import functional as F


class DINO(nn.Module):
    def __init__(self):
        super().__init__()
        self.student = nn.Sequential(nn.Linear(8, 24), nn.GELU(), nn.Linear(24, 6))
        self.teacher = copy.deepcopy(self.student)
        # BUG same-object: target-alias
        #: self.teacher = self.student
        # BUG same-weights: target-alias, shared-init
        #: self.teacher = nn.Sequential(nn.Linear(8, 24), nn.GELU(), nn.Linear(24, 6))
        #: for ours, theirs in zip(self.teacher, self.student):
        #:     if isinstance(ours, nn.Linear):
        #:         ours.weight, ours.bias = theirs.weight, theirs.bias  #!
        self.register_buffer("centre", torch.zeros(6))

    def forward(self, x):
        return self.student(x)

    @torch.no_grad()
    def follow(self, targets, m=0.95):
        for slow, fast in zip(self.teacher.parameters(), self.student.parameters()):
            slow.mul_(m).add_(fast, alpha=1 - m)
        self.centre.mul_(0.9).add_(targets.mean(0), alpha=0.1)


def make_batch(generator):
    x = torch.randn(16, 8, generator=generator)
    noise = 0.2 * torch.randn(2, 16, 8, generator=generator)
    return {"a": x + noise[0], "b": x + noise[1]}


def make_model():
    return DINO()


def make_optimizer(model):
    return torch.optim.AdamW(model.student.parameters(), lr=2e-3)


def loss_fn(model, batch):
    with torch.no_grad():
        goal = ((model.teacher(batch["a"]) - model.centre) / 0.2).softmax(-1)
    guess = (model(batch["b"]) / 0.5).log_softmax(-1)
    return -(goal * guess).sum(-1).mean()


def train_step(model, optimizer, batch):
    loss = loss_fn(model, batch)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    with torch.no_grad():
        targets = model.teacher(batch["a"])
    model.follow(targets)
    return loss.item()
