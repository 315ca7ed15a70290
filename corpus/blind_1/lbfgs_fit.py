"""Curve fitting with L-BFGS and a closure."""

import torch
from torch import nn


def make_model():
    return nn.Sequential(nn.Linear(1, 16), nn.Tanh(), nn.Linear(16, 1))


x = torch.linspace(-2, 2, 16).unsqueeze(1)
batch = (x, torch.sin(2 * x) + 0.3)


def make_optimizer(model):
    return torch.optim.LBFGS(model.parameters(), lr=0.5, max_iter=4, line_search_fn="strong_wolfe")


def loss_fn(model, batch):
    x, y = batch
    return nn.functional.mse_loss(model(x), y)


def train_step(model, optimizer, batch):
    def closure():
        optimizer.zero_grad()
        loss = loss_fn(model, batch)
        loss.backward()
        return loss

    return float(optimizer.step(closure))
