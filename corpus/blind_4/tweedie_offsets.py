"""Insurance claims: Tweedie deviance (power 1.5) on a log link, bias started at the log of the mean claim."""

import math

import torch
from torch import nn

g = torch.Generator().manual_seed(32)


def draw(n=96):
    x = torch.randn(n, 6, generator=g)
    mean = torch.exp(3 + 0.6 * x[:, 0] - 0.4 * x[:, 1])
    events = torch.poisson(torch.full((n,), 1.2), generator=g)
    size = 0.5 + torch.rand(n, generator=g)
    return x, (events * size * mean / 1.2).unsqueeze(1)


batch = draw()
val_batches = [draw()]
START = math.log(batch[1].mean().item())


def make_model():
    net = nn.Sequential(nn.Linear(6, 16), nn.ELU(), nn.Linear(16, 1))
    nn.init.zeros_(net[-1].weight)
    nn.init.constant_(net[-1].bias, START)
    return net


def make_optimizer(model):
    return torch.optim.NAdam(model.parameters(), lr=5e-3)


def loss_fn(model, batch, p=1.5):
    x, y = batch
    log_mu = model(x).clamp(-5, 10)
    return (
        torch.exp((2 - p) * log_mu) / (2 - p) - y * torch.exp((1 - p) * log_mu) / (1 - p)
    ).mean()


def train_step(model, optimizer, batch):
    optimizer.zero_grad()
    loss = loss_fn(model, batch)
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 5.0)
    optimizer.step()
    return loss.detach()


@torch.no_grad()
def evaluate(model, batches):
    total = sum(loss_fn(model, b) * len(b[0]) for b in batches)
    return (total / sum(len(b[0]) for b in batches)).item()
