"""Self-supervised learning with an EMA target and a predictor."""

import copy

import torch
from torch import nn
from torch.nn import functional as F


class BYOL(nn.Module):
    def __init__(self):
        super().__init__()
        self.online = nn.Sequential(
            nn.Linear(10, 24, bias=False), nn.BatchNorm1d(24), nn.ReLU(), nn.Linear(24, 8)
        )
        self.predictor = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 8))
        self.target = copy.deepcopy(self.online)
        for p in self.target.parameters():
            p.requires_grad_(False)

    def forward(self, x):
        return self.predictor(self.online(x))

    @torch.no_grad()
    def momentum_update(self, m=0.98):
        for t, o in zip(self.target.parameters(), self.online.parameters()):
            t.mul_(m).add_(o, alpha=1 - m)


def make_batch(generator):
    x = torch.randn(16, 10, generator=generator)
    noise = 0.1 * torch.randn(2, 16, 10, generator=generator)
    return x + noise[0], x + noise[1]


def make_model():
    return BYOL()


def make_optimizer(model):
    params = [*model.online.parameters(), *model.predictor.parameters()]
    return torch.optim.SGD(params, lr=0.05, momentum=0.9)


def loss_fn(model, batch):
    a, b = batch
    with torch.no_grad():
        ta, tb = model.target(a), model.target(b)
    first = F.cosine_similarity(model(a), tb, dim=-1)
    second = F.cosine_similarity(model(b), ta, dim=-1)
    return 2 - (first + second).mean()


def train_step(model, optimizer, batch):
    model.train()
    loss = loss_fn(model, batch)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    model.momentum_update()
    return loss.item()
