"""Keyword classification from spectrograms by 1-d convolutions over time."""

import torch
import torch.nn.functional as F
from torch import nn


class Spotter(nn.Module):
    def __init__(self, bands=10, words=5):
        super().__init__()
        self.conv1 = nn.Conv1d(bands, 20, 3, padding=1, bias=False)
        # BUG conv-bias: bias-before-batchnorm
        #: self.conv1 = nn.Conv1d(bands, 20, 3, padding=1)
        self.norm = nn.BatchNorm1d(20)
        self.conv2 = nn.Conv1d(20, 20, 3, padding=1)
        self.words = nn.Linear(20, words)

    def forward(self, frames):
        x = frames.transpose(1, 2)
        # BUG swap-view: view-instead-of-permute
        #: x = frames.reshape(frames.size(0), frames.size(2), frames.size(1))
        x = F.relu(self.norm(self.conv1(x)))
        x = F.relu(self.conv2(x)).mean(-1)
        x = F.dropout(x, 0.3, self.training)
        # BUG always: missing-eval-mode
        #: x = F.dropout(x, 0.3)
        return self.words(x)


def clips(seed, n=12, t=9):
    g = torch.Generator().manual_seed(seed)
    y = torch.randint(0, 5, (n,), generator=g)
    x = 0.5 * torch.randn(n, t, 10, generator=g)
    x[torch.arange(n), :, 2 * y] += 1
    return x, y


batch = clips(0)
train_batches = [clips(0), clips(1)]
val_batches = [clips(66)]


def make_model():
    return Spotter()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=0.01)


def loss_fn(model, batch):
    x, y = batch
    return F.cross_entropy(model(x), y)


def train_step(model, optimizer, batch):
    loss = loss_fn(model, batch)
    optimizer.zero_grad()
    loss.backward()
    # BUG after-backward: missing-zero-grad, step-before-backward
    #: loss.backward()
    #: optimizer.zero_grad(set_to_none=False)  #!
    optimizer.step()
    return loss.item()


def evaluate(model, batches):
    model.eval()
    with torch.no_grad():
        score = sum((model(x).argmax(1) == y).float().mean().item() for x, y in batches)
    model.train()
    # BUG not-back: missing-train-mode
    return score / len(batches)
