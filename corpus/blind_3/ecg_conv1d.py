"""Rhythm classification of two-lead traces with a 1-D CNN, driven by a small trainer class."""

import math

import torch
from torch import nn

CLASSES, LEADS, LENGTH = 4, 2, 48


def traces(n, seed):
    g = torch.Generator().manual_seed(seed)
    label = torch.randint(CLASSES, (n,), generator=g)
    t = torch.linspace(0, 1, LENGTH)
    phase = 2 * math.pi * torch.rand(n, 1, generator=g)
    wave = 2 * math.pi * (2.0 + 2.0 * label[:, None]) * t + phase
    signal = torch.stack([wave.sin(), 0.5 * (2 * wave).cos()], dim=-1)
    signal = signal + 0.1 * torch.randn(n, LENGTH, LEADS, generator=g)
    return {"signal": signal, "rhythm": label}


class Block(nn.Module):
    def __init__(self, cin, cout, stride):
        super().__init__()
        self.conv = nn.Conv1d(cin, cout, 5, stride=stride, padding=2, bias=False)
        # BUG convbias: bias-before-batchnorm
        #: self.conv = nn.Conv1d(cin, cout, 5, stride=stride, padding=2)
        self.norm = nn.BatchNorm1d(cout)
        # FINE groupnorm 2: a bias before a group norm does something
        #: self.conv = nn.Conv1d(cin, cout, 5, stride=stride, padding=2)
        #: self.norm = nn.GroupNorm(2, cout)

    def forward(self, x):
        return torch.relu(self.norm(self.conv(x)))


class RhythmNet(nn.Module):
    def __init__(self, width=16):
        super().__init__()
        self.blocks = nn.Sequential(
            Block(LEADS, width, 1), Block(width, width, 2), Block(width, 2 * width, 2)
        )
        self.drop = nn.Dropout(0.2)
        self.head = nn.Linear(2 * width, CLASSES)

    def forward(self, signal):
        n, t, c = signal.shape
        x = self.blocks(signal.transpose(1, 2))
        # BUG reshape: view-instead-of-permute
        #: x = self.blocks(signal.view(n, c, t))
        return self.head(self.drop(x.mean(-1)))


criterion = nn.CrossEntropyLoss(label_smoothing=0.05)


def loss_fn(model, batch):
    return criterion(model(batch["signal"]), batch["rhythm"])
    # BUG probs: softmax-into-cross-entropy, double-softmax
    #: return criterion(nn.Softmax(dim=1)(model(batch["signal"])), batch["rhythm"])


class Trainer:
    def __init__(self, model, optimizer):
        self.model, self.optimizer = model, optimizer

    def update(self, batch):
        self.model.train()
        self.optimizer.zero_grad(set_to_none=True)
        # BUG nocall: missing-zero-grad
        #: self.optimizer.zero_grad
        loss = loss_fn(self.model, batch)
        loss.backward()
        self.optimizer.step()
        return loss.item()


def make_model():
    return RhythmNet()
    # FINE frozenstem: the first block is not trained
    #: model = RhythmNet()
    #: model.blocks[0].requires_grad_(False)
    #: return model


def make_optimizer(model):
    return torch.optim.AdamW(model.parameters(), lr=3e-3)
    # BUG decay: no-single-batch-overfit, bad-learning-rate
    #: return torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=100.0)


def train_step(model, optimizer, batch):
    return Trainer(model, optimizer).update(batch)


def evaluate(model, batches):
    model.eval()
    # BUG evalcall: missing-eval-mode
    #: model.eval
    right = total = 0
    with torch.no_grad():
        for batch in batches:
            guess = model(batch["signal"]).argmax(-1)
            right += (guess == batch["rhythm"]).sum().item()
            total += len(guess)
    return right / total


batch = traces(24, 0)
train_batches = [traces(24, s) for s in (1, 2)]
val_batches = [traces(24, s) for s in (101, 102)]
