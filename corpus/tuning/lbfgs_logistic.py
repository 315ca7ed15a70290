"""Logistic regression by L-BFGS; the closure clears gradients itself."""

import torch
from torch import nn
from torch.nn import functional as F


def make_model():
    return nn.Linear(6, 1)


def make_batch(generator):
    x = torch.randn(24, 6, generator=generator)
    return x, (x[:, 0] + 0.5 * x[:, 1] + 0.3 * torch.randn(24, generator=generator) > 0).float()


def make_optimizer(model):
    return torch.optim.LBFGS(model.parameters(), lr=0.3, max_iter=3)


def loss_fn(model, batch):
    x, y = batch
    penalty = 0.01 * model.weight.square().sum()
    return F.binary_cross_entropy_with_logits(model(x).squeeze(-1), y) + penalty


def train_step(model, optimizer, batch):
    def closure():
        optimizer.zero_grad()
        loss = loss_fn(model, batch)
        loss.backward()
        return loss

    return optimizer.step(closure).item()
