"""CutMix with soft labels mixed by area."""

import torch
from torch import nn
from torch.nn import functional as F


class Conv(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(
            nn.Conv2d(1, 12, 3, padding=1, bias=False),
            nn.BatchNorm2d(12),
            nn.ReLU(),
            nn.Conv2d(12, 12, 3, stride=2),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(12 * 9, 3),
        )

    def forward(self, x):
        return self.net(x)


def images(seed, n=12):
    g = torch.Generator().manual_seed(seed)
    y = torch.randint(0, 3, (n,), generator=g)
    x = torch.randn(n, 1, 8, 8, generator=g)
    x[torch.arange(n), 0, 3 * y.clamp_max(2)] += 2
    return x, y


batch = images(0)
train_batches = [images(0), images(1)]
val_batches = [images(30)]


def make_model():
    return Conv()


def make_optimizer(model):
    return torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)


def loss_fn(model, batch):
    return F.cross_entropy(model(batch[0]), batch[1])


def train_step(model, optimizer, batch):
    model.train()
    x, y = batch
    order = torch.randperm(len(x))
    width = int(torch.randint(1, 5, ()))
    mixed = x.clone()
    mixed[..., :width] = x[order][..., :width]
    lam = 1 - width / x.shape[-1]
    logits = model(mixed)
    loss = lam * F.cross_entropy(logits, y) + (1 - lam) * F.cross_entropy(logits, y[order])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


@torch.no_grad()
def evaluate(model, batches):
    model.eval()
    return sum((model(x).argmax(1) == y).float().mean().item() for x, y in batches)
