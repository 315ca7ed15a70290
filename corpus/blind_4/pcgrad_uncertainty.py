"""Two tasks on a shared trunk: learned log-variances weigh them, conflicting trunk gradients are projected (PCGrad)."""

import torch
import torch.nn.functional as F
from torch import nn

g = torch.Generator().manual_seed(50)
w = torch.randn(6, 4, generator=g)


def draw(n=40):
    x = torch.randn(n, 6, generator=g)
    return {"x": x, "reg": 2 + (x @ w[:, :1]).tanh(), "cls": (x @ w[:, 1:]).argmax(1)}


batch = draw()
val_batches = [draw()]


class TwoTasks(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(6, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU())
        self.reg, self.cls = nn.Linear(32, 1), nn.Linear(32, 3)
        self.log_var = nn.Parameter(torch.zeros(2))

    def losses(self, batch):
        h = self.trunk(batch["x"])
        raw = torch.stack(
            [F.mse_loss(self.reg(h), batch["reg"]) / 2, F.cross_entropy(self.cls(h), batch["cls"])]
        )
        return raw * torch.exp(-self.log_var) + self.log_var / 2


def make_model():
    return TwoTasks()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=5e-3)


def loss_fn(model, batch):
    return model.losses(batch).sum()


def train_step(model, optimizer, batch):
    losses = model.losses(batch)
    trunk = list(model.trunk.parameters())
    own = [*model.reg.parameters(), *model.cls.parameters(), model.log_var]
    flat = [
        torch.cat([t.flatten() for t in torch.autograd.grad(l, trunk, retain_graph=True)])
        for l in losses
    ]
    a, b = flat
    dot = a @ b
    if dot < 0:
        merged = (a - dot / b.square().sum() * b) + (b - dot / a.square().sum() * a)
    else:
        merged = a + b
    optimizer.zero_grad()
    for p, grad in zip(own, torch.autograd.grad(losses.sum(), own)):
        p.grad = grad
    for p, grad in zip(trunk, merged.split([p.numel() for p in trunk])):
        p.grad = grad.view_as(p)
    optimizer.step()
    return losses.sum().item()


@torch.no_grad()
def evaluate(model, batches):
    return sum(
        (model.cls(model.trunk(b["x"])).argmax(1) == b["cls"]).float().mean().item()
        + F.l1_loss(model.reg(model.trunk(b["x"])), b["reg"]).neg().item()
        for b in batches
    ) / len(batches)
