"""Mean teacher: half of the labels are missing (-1); consistency with an EMA teacher that sees other noise.
The consistency weight ramps up from 0."""

import copy

import torch
import torch.nn.functional as F
from torch import nn

g = torch.Generator().manual_seed(37)


def draw(n=48, hide=True):
    y = torch.randint(0, 2, (n,), generator=g)
    a = torch.pi * torch.rand(n, generator=g)
    x = torch.stack([a.cos() + y, (0.5 - y) + (1 - 2 * y) * a.sin() - 0.3 * (1 - 2 * y)], 1)
    x = x + 0.1 * torch.randn(n, 2, generator=g)
    seen = torch.rand(n, generator=g) < 0.5
    return x, torch.where(seen, y, -1) if hide else y


batch = draw()
val_batches = [draw(hide=False)]


class MeanTeacher(nn.Module):
    def __init__(self):
        super().__init__()
        self.student = nn.Sequential(
            nn.Linear(2, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 2)
        )
        self.teacher = copy.deepcopy(self.student).requires_grad_(False)
        self.register_buffer("step", torch.tensor(0))

    def forward(self, x):
        return self.student(x)


def make_model():
    return MeanTeacher()


def make_optimizer(model):
    return torch.optim.Adam([p for p in model.parameters() if p.requires_grad], lr=5e-3)


def loss_fn(model, batch):
    x, y = batch
    mine = model(x + 0.05 * torch.randn_like(x))
    theirs = model.teacher(x + 0.05 * torch.randn_like(x))
    ramp = (model.step / 30).clamp(max=1.0).item()
    agree = F.mse_loss(mine.softmax(-1), theirs.softmax(-1))
    return F.cross_entropy(mine, y, ignore_index=-1) + ramp * agree


def train_step(model, optimizer, batch):
    loss = loss_fn(model, batch)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    model.step += 1
    with torch.no_grad():
        decay = min(0.98, 1 - 1 / (model.step.item() + 1))
        for t, s in zip(model.teacher.parameters(), model.student.parameters()):
            t.mul_(decay).add_(s, alpha=1 - decay)
    return loss.item()


@torch.no_grad()
def evaluate(model, batches):
    hits = torch.cat([model.teacher(x).argmax(1) == y for x, y in batches])
    return hits.float().mean().item()
