"""Sharpness-aware minimisation: climb, recompute, come back, step."""

import torch
from torch import nn
from torch.nn import functional as F


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1, self.fc2 = nn.Linear(10, 32), nn.Linear(32, 4)

    def forward(self, x):
        return self.fc2(F.silu(self.fc1(x)))


g = torch.Generator().manual_seed(4)
x = torch.randn(16, 10, generator=g)
batch = (x, x[:, :4].argmax(1))


def make_model():
    return Classifier()


def make_optimizer(model):
    return torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)


def loss_fn(model, batch):
    return F.cross_entropy(model(batch[0]), batch[1])


def train_step(model, optimizer, batch, rho=0.05):
    loss = loss_fn(model, batch)
    loss.backward()
    with torch.no_grad():
        grads = [p.grad for p in model.parameters()]
        norm = torch.stack([g.norm() for g in grads]).norm() + 1e-12
        moves = [rho * g / norm for g in grads]
        for p, e in zip(model.parameters(), moves):
            p.add_(e)
    optimizer.zero_grad()
    loss_fn(model, batch).backward()
    with torch.no_grad():
        for p, e in zip(model.parameters(), moves):
            p.sub_(e)
    optimizer.step()
    optimizer.zero_grad()
    return loss.item()
