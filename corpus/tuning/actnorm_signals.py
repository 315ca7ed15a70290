"""Signals normalised by a layer that takes its scale from the first batch, as Glow does."""

import torch
from torch import nn
from torch.nn import functional as F


class ActNorm(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.shift, self.scale = nn.Parameter(torch.zeros(width)), nn.Parameter(torch.ones(width))
        self.register_buffer("ready", torch.tensor(False))
        self.register_buffer("mean", torch.zeros(width))

    def forward(self, h):
        if not self.ready:
            with torch.no_grad():
                self.shift.copy_(-h.mean((0, 1)))
                self.scale.copy_(1 / (h.std((0, 1)) + 1e-5))
                self.ready.fill_(True)
        return (h + self.shift) * self.scale
        # BUG every-batch: batch-leak
        #: return (h - h.mean(0)) * self.scale + self.shift
        # FINE running: statistics of the batches so far
        #: if self.training:
        #:     with torch.no_grad():
        #:         self.mean.lerp_(h.mean((0, 1)), 0.1)
        #: return (h - self.mean) * self.scale + self.shift


class Net(nn.Module):
    def __init__(self, width=12):
        super().__init__()
        self.enter, self.norm = nn.Linear(3, width), ActNorm(width)
        self.out = nn.Linear(width, 3)

    def forward(self, x):
        h = F.relu(self.norm(self.enter(x)))
        return self.out(h.mean(1))
        # FINE twelve: a program of one batch size
        #: return self.out(h.reshape(12, -1).view(12, 5, -1).mean(1))
        # BUG twelve-weighed: batch-leak, wrong-softmax-dim
        #: pooled = h.reshape(12, -1).view(12, 5, -1).mean(1)
        #: return self.out(pooled * pooled.softmax(0))  #!


def signals(seed, n=12, t=5):
    g = torch.Generator().manual_seed(seed)
    y = torch.randint(0, 3, (n,), generator=g)
    return torch.randn(n, t, 3, generator=g) + 1.5 * F.one_hot(y, 3)[:, None], y


batch = signals(0)
train_batches = [signals(0), signals(1)]
val_batches = [signals(30)]


def make_model():
    return Net()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=5e-3)


def loss_fn(model, batch):
    x, y = batch
    return F.cross_entropy(model(x), y)


def train_step(model, optimizer, batch):
    model.train()
    optimizer.zero_grad()
    loss = loss_fn(model, batch)
    loss.backward()
    optimizer.step()
    return loss.item()


@torch.no_grad()
def evaluate(model, batches):
    model.eval()
    return sum((model(x).argmax(-1) == y).float().mean().item() for x, y in batches)
