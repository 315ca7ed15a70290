"""Averaged weights need fresh batch-norm statistics: evaluate() works on a copy that holds the average,
recalibrates it on the training batches in train mode, then scores it in eval mode."""

import copy

import torch
import torch.nn.functional as F
from torch import nn

g = torch.Generator().manual_seed(46)
w = torch.randn(8, 3, generator=g)


def draw(n=32):
    x = torch.randn(n, 8, generator=g)
    return x, (x @ w).argmax(1)


train_batches = [draw() for _ in range(3)]
batch = train_batches[0]
val_batches = [draw(), draw()]


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(8, 24, bias=False), nn.BatchNorm1d(24), nn.ReLU(), nn.Linear(24, 3)
        )
        self.mean = [p.detach().clone() for p in self.net.parameters()]
        self.count = 1

    def forward(self, x):
        return self.net(x)

    @torch.no_grad()
    def average(self):
        self.count += 1
        for m, p in zip(self.mean, self.net.parameters()):
            m += (p - m) / min(self.count, 20)


def make_model():
    return Net()


def make_optimizer(model):
    return torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)


def loss_fn(model, batch):
    return F.cross_entropy(model(batch[0]), batch[1])


def train_step(model, optimizer, batch):
    model.train()
    optimizer.zero_grad()
    loss = loss_fn(model, batch)
    loss.backward()
    optimizer.step()
    model.average()
    return loss.item()


@torch.no_grad()
def evaluate(model, batches):
    swa = copy.deepcopy(model.net)
    for p, m in zip(swa.parameters(), model.mean):
        p.copy_(m)
    swa[1].reset_running_stats()
    swa[1].momentum = None
    swa.train()
    for x, _ in train_batches:
        swa(x)
    swa.eval()
    return sum((swa(x).argmax(1) == y).float().mean().item() for x, y in batches) / len(batches)
