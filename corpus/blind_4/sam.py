"""Sharpness-aware minimisation: two backward passes per step, the second one at perturbed weights.
Batch-norm statistics are only taken from the first pass."""

import torch
import torch.nn.functional as F
from torch import nn

g = torch.Generator().manual_seed(21)
centres = 1.5 * torch.randn(6, 16, generator=g)


def draw(n):
    y = torch.randint(0, 6, (n,), generator=g)
    return centres[y] + torch.randn(n, 16, generator=g), y


batch = draw(48)
val_batches = [draw(48)]


def make_model():
    return nn.Sequential(
        nn.Linear(16, 32, bias=False), nn.BatchNorm1d(32), nn.ReLU(), nn.Linear(32, 6)
    )


def make_optimizer(model):
    return torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4)


def loss_fn(model, batch):
    x, y = batch
    return F.cross_entropy(model(x), y)


def set_bn_momentum(model, momentum):
    for m in model.modules():
        if isinstance(m, nn.BatchNorm1d):
            m.momentum = momentum


def train_step(model, optimizer, batch, rho=0.05):
    model.train()
    optimizer.zero_grad()
    loss = loss_fn(model, batch)
    loss.backward()
    params = [p for p in model.parameters() if p.grad is not None]
    with torch.no_grad():
        norm = torch.linalg.vector_norm(torch.stack([p.grad.norm() for p in params]))
        moves = [p.grad * (rho / (norm + 1e-12)) for p in params]
        for p, e in zip(params, moves):
            p.add_(e)
    optimizer.zero_grad()
    set_bn_momentum(model, 0.0)
    loss_fn(model, batch).backward()
    set_bn_momentum(model, 0.1)
    with torch.no_grad():
        for p, e in zip(params, moves):
            p.sub_(e)
    optimizer.step()
    return loss.item()


@torch.no_grad()
def evaluate(model, batches):
    mode = model.training
    model.eval()
    try:
        return sum(loss_fn(model, b).item() for b in batches) / len(batches)
    finally:
        model.train(mode)
