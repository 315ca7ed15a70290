"""Semi-supervised learning: pseudo-labels from weak views, confidence-masked."""

import torch
from torch import nn
from torch.nn import functional as F


def make_model():
    return nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 3))


def make_batch(generator):
    x, u = torch.randn(2, 12, 8, generator=generator)
    noise = torch.randn(2, 12, 8, generator=generator)
    return {
        "x": x,
        "y": x[:, :3].argmax(1),
        "weak": u + 0.05 * noise[0],
        "strong": u + 0.3 * noise[1],
    }


def make_optimizer(model):
    return torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)


def loss_fn(model, b, threshold=0.6):
    supervised = F.cross_entropy(model(b["x"]), b["y"])
    with torch.no_grad():
        confidence, guess = model(b["weak"]).softmax(-1).max(-1)
    each = F.cross_entropy(model(b["strong"]), guess, reduction="none")
    return supervised + (each * (confidence > threshold)).mean()


def train_step(model, optimizer, b):
    optimizer.zero_grad()
    loss = loss_fn(model, b)
    loss.backward()
    optimizer.step()
    return loss.item()
