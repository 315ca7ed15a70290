"""Lookahead: fast weights by Adam, slow weights pulled towards them every k steps."""

import torch
import torch.nn.functional as F
from torch import nn

g = torch.Generator().manual_seed(8)
A = torch.randn(10, 3, generator=g)


def draw(n):
    x = torch.randn(n, 10, generator=g)
    return x, torch.tanh(x @ A) + 0.3


batch = draw(40)
val_batches = [draw(40), draw(24)]


class Lookahead(torch.optim.Adam):
    def __init__(self, params, lr, k=5, alpha=0.5):
        super().__init__(params, lr=lr)
        self.k, self.alpha, self.count = k, alpha, 0
        self.slow = {p: p.detach().clone() for group in self.param_groups for p in group["params"]}

    def step(self, closure=None):
        loss = super().step(closure)
        self.count += 1
        if self.count % self.k == 0:
            with torch.no_grad():
                for p, slow in self.slow.items():
                    slow.lerp_(p, self.alpha)
                    p.copy_(slow)
        return loss


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.inp = nn.Linear(10, 32)
        self.mid = nn.Linear(32, 32)
        self.out = nn.Linear(32, 3)
        self.alpha = nn.Parameter(torch.zeros(()))  # ReZero: the residual branch starts closed

    def forward(self, x):
        h = F.gelu(self.inp(x))
        h = h + self.alpha * F.gelu(self.mid(h))
        return self.out(h)


def make_model():
    return Net()


def make_optimizer(model):
    return Lookahead(model.parameters(), lr=1e-2)


def loss_fn(model, batch):
    x, y = batch
    return F.smooth_l1_loss(model(x), y)


def train_step(model, optimizer, batch):
    loss = loss_fn(model, batch)
    optimizer.zero_grad(set_to_none=False)
    loss.backward()
    nn.utils.clip_grad_value_(model.parameters(), 0.5)
    optimizer.step()
    return float(loss)


@torch.no_grad()
def evaluate(model, batches):
    err = sum(F.l1_loss(model(x), y, reduction="sum").item() for x, y in batches)
    return err / sum(y.numel() for _, y in batches)
