"""Semi-supervised digits: consistency with a mean teacher; batch norm and dropout."""

from copy import deepcopy

import torch
from torch import nn
from torch.nn import functional as F


def network():
    return nn.Sequential(
        nn.Linear(16, 32, bias=False),
        nn.BatchNorm1d(32),
        nn.ReLU(),
        nn.Dropout(0.1),
        nn.Linear(32, 4),
    )


class MeanTeacher(nn.Module):
    def __init__(self):
        super().__init__()
        self.student = network()
        self.teacher = deepcopy(self.student)
        for p in self.teacher.parameters():
            p.requires_grad_(False)

    def forward(self, x):
        return self.student(x)

    @torch.no_grad()
    def follow(self, rate=0.95):
        for slow, fast in zip(
            self.teacher.state_dict().values(), self.student.state_dict().values()
        ):
            if slow.dtype.is_floating_point:
                slow.mul_(rate).add_(fast, alpha=1 - rate)


def digits(seed, n=24):
    g = torch.Generator().manual_seed(seed)
    shapes = torch.randn(4, 16, generator=torch.Generator().manual_seed(12))
    y = torch.randint(0, 4, (n,), generator=g)
    x = shapes[y] + 0.9 * torch.randn(n, 16, generator=g)
    return {"x": x, "y": y[: n // 2]}


batch = digits(0)
train_batches = [digits(0), digits(1)]
val_batches = [digits(20), digits(21)]


def make_model():
    return MeanTeacher()


def make_optimizer(model):
    return torch.optim.SGD(model.student.parameters(), lr=0.05, momentum=0.9, nesterov=True)


def loss_fn(model, b):
    logits = model(b["x"])
    labelled = len(b["y"])
    supervised = F.cross_entropy(logits[:labelled], b["y"])
    with torch.no_grad():
        goal = model.teacher(b["x"]).softmax(1)
    consistency = F.cross_entropy(logits, goal.argmax(1))
    return supervised + 0.5 * consistency


def train_step(model, optimizer, b):
    model.train()
    optimizer.zero_grad()
    loss = loss_fn(model, b)
    loss.backward()
    optimizer.step()
    model.follow()
    return loss.item()


def evaluate(model, batches):
    model.eval()
    right = 0.0
    for b in batches:
        with torch.no_grad():
            guess = model.teacher(b["x"]).argmax(1)[: len(b["y"])]
        right += (guess == b["y"]).float().mean().item()
    return right / len(batches)
