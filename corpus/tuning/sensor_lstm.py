"""Activity recognition from sensor windows with a time-major LSTM."""

import torch
from torch import nn
from torch.nn import functional as F


class Activity(nn.Module):
    def __init__(self, channels=6, width=16, classes=4):
        super().__init__()
        self.lstm = nn.LSTM(channels, width)
        self.fc = nn.Linear(width, classes)

    def forward(self, x):
        x = x.permute(1, 0, 2)
        # BUG time-view: view-instead-of-permute
        #: x = x.view(x.shape[1], x.shape[0], x.shape[2])
        # BUG batch-as-time: batch-leak
        #: x = x * 1.0
        out, _ = self.lstm(x)
        return self.fc(out[-1])
        # BUG batch-as-time: batch-leak
        #: return self.fc(out.mean(1))


def windows(seed, n=8, t=10):
    g = torch.Generator().manual_seed(seed)
    y = torch.randint(0, 4, (n,), generator=g)
    phase = torch.rand(n, 1, 1, generator=g) * 6
    t = torch.arange(t)[None, :, None] * (1 + y[:, None, None]) * 0.4
    x = torch.sin(t + phase + torch.arange(6)) + 0.1 * torch.randn(n, 10, 6, generator=g)
    return x, y


batch = windows(0)
train_batches = [windows(0), windows(1)]
val_batches = [windows(30)]


def make_model():
    return Activity()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=0.01)


def loss_fn(model, batch):
    x, y = batch
    return F.cross_entropy(model(x), y)


def train_step(model, optimizer, batch):
    x, y = batch
    optimizer.zero_grad()
    loss = loss_fn(model, (x, y))
    # BUG flipped: shuffled-labels
    #: loss = loss_fn(model, (x, y[torch.randperm(len(y))]))
    loss.backward()
    optimizer.step()
    # BUG growing 0: graph-growth
    #: model.history = [*getattr(model, "history", []), loss]
    #: (sum(model.history) * 1.0).item()
    return loss.item()


@torch.no_grad()
def evaluate(model, batches):
    return sum((model(x).argmax(1) == y).float().mean().item() for x, y in batches) / len(batches)
