"""Top-1 mixture of experts with a capacity limit: overflowing tokens skip the experts (residual only),
some experts may get no token in a step; balance loss as in Switch."""

import torch
import torch.nn.functional as F
from torch import nn

g = torch.Generator().manual_seed(41)
maps = torch.randn(3, 6, 4, generator=g)
places = 3 * torch.randn(3, 6, generator=g)


def draw(n=48):
    c = torch.randint(0, 3, (n,), generator=g)
    d = torch.randn(n, 6, generator=g)
    return places[c] + d, torch.einsum("ni,nio->no", d, maps[c])


batch = draw()
val_batches = [draw(), draw()]


class MoE(nn.Module):
    def __init__(self, d=16, experts=6, factor=2.0):
        super().__init__()
        self.inp, self.out = nn.Linear(6, d), nn.Linear(d, 4)
        self.gate = nn.Linear(d, experts, bias=False)
        self.experts = nn.ModuleList(
            nn.Sequential(nn.Linear(d, 32), nn.ReLU(), nn.Linear(32, d)) for _ in range(experts)
        )
        self.factor = factor

    def forward(self, x):
        h = F.gelu(self.inp(x))
        p = self.gate(h).softmax(-1)
        top, who = p.max(-1)
        room = int(self.factor * len(x) / len(self.experts))
        y = h
        for e, expert in enumerate(self.experts):
            rows = (who == e).nonzero().squeeze(1)
            if self.training:
                rows = rows[:room]
            if len(rows):
                y = y.index_add(0, rows, top[rows, None] * expert(h[rows]))
        load = F.one_hot(who, len(self.experts)).float().mean(0)
        return self.out(y), len(self.experts) * (load * p.mean(0)).sum()


def make_model():
    return MoE()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=5e-3)


def loss_fn(model, batch):
    pred, balance = model(batch[0])
    return F.mse_loss(pred, batch[1]) + 0.01 * balance


def train_step(model, optimizer, batch):
    model.train()
    optimizer.zero_grad()
    loss = loss_fn(model, batch)
    loss.backward()
    optimizer.step()
    return loss.item()


@torch.no_grad()
def evaluate(model, batches):
    was = model.training
    model.eval()
    value = sum(F.mse_loss(model(x)[0], y).item() for x, y in batches) / len(batches)
    model.train(was)
    return value
