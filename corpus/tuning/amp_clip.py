"""Mixed precision with a gradient scaler."""

import torch
from torch import nn
from torch.nn import functional as F


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))
        self.classifier = nn.Linear(8 * 9, 3)

    def forward(self, x):
        return self.classifier(self.features(x).flatten(1))


def squares(seed, n=10):
    g = torch.Generator().manual_seed(seed)
    y = torch.randint(0, 3, (n,), generator=g)
    x = 0.3 * torch.randn(n, 1, 6, 6, generator=g)
    x[torch.arange(n), 0, 2 * y, :] += 1.5
    return x, y


batch = squares(0)
train_batches = [squares(0), squares(1)]
val_batches = [squares(19)]


def make_model():
    return Net()


def make_optimizer(model):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    optimizer.scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    return optimizer


def loss_fn(model, batch):
    x, y = batch
    with torch.autocast("cpu", dtype=torch.bfloat16):
        return F.cross_entropy(model(x), y)


def train_step(model, optimizer, batch):
    scaler = optimizer.scaler
    optimizer.zero_grad()
    loss = loss_fn(model, batch)
    scaler.scale(loss).backward()
    scaler.unscale_(optimizer)
    # BUG scaled-clip: clip-misorder
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    scaler.step(optimizer)
    scaler.update()
    return loss.item()


@torch.no_grad()
def evaluate(model, batches):
    return sum((model(x).argmax(1) == y).float().mean().item() for x, y in batches)
