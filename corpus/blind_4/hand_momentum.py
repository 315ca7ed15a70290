"""Nesterov momentum written by hand; gradients are dropped by setting p.grad = None."""

import torch
import torch.nn.functional as F
from torch import nn

g = torch.Generator().manual_seed(11)


def draw(n):
    x = torch.rand(n, 3, generator=g) * 2 - 1
    y = torch.sin(3 * x[:, :1]) * x[:, 1:2] + x[:, 2:] ** 2
    return {"x": x, "y": y}


batch = draw(64)
val_batches = [draw(64)]


class Momentum:
    """Not a torch optimizer: buffers are keyed by the parameter itself."""

    def __init__(self, params, lr, mu):
        self.params, self.lr, self.mu = list(params), lr, mu
        self.buf = [torch.zeros_like(p) for p in self.params]

    @torch.no_grad()
    def step(self):
        for p, b in zip(self.params, self.buf):
            if p.grad is None:
                continue
            b.mul_(self.mu).add_(p.grad)
            p.sub_(self.lr * (p.grad + self.mu * b))

    def zero_grad(self):
        for p in self.params:
            p.grad = None


def make_model():
    return nn.Sequential(
        nn.Linear(3, 48), nn.Tanh(), nn.Linear(48, 48), nn.Tanh(), nn.Linear(48, 1)
    )


def make_optimizer(model):
    return Momentum(model.parameters(), lr=0.03, mu=0.9)


def loss_fn(model, batch):
    return F.mse_loss(model(batch["x"]), batch["y"])


def train_step(model, optimizer, batch):
    loss = loss_fn(model, batch)
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()  # at the end: the next step starts clean
    return loss.item()


@torch.no_grad()
def evaluate(model, batches):
    return sum(loss_fn(model, b).item() for b in batches) / len(batches)
