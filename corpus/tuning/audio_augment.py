"""Noise and gain augmentation in a hand-written data pipeline."""

import random
import time

import torch
from torch import nn
from torch.nn import functional as F


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1d(1, 12, 5, stride=2)
        self.fc = nn.Linear(12, 3)

    def forward(self, wave):
        return self.fc(F.relu(self.conv(wave.unsqueeze(1))).mean(-1))


def waves(seed, n=12):
    g = torch.Generator().manual_seed(seed)
    y = torch.randint(0, 3, (n,), generator=g)
    t = torch.arange(24) * 0.5
    x = torch.sin(t * (1 + y[:, None])) + 0.1 * torch.randn(n, 24, generator=g)
    return {"wave": x, "label": y}


batch = waves(0)
train_batches = [waves(0), waves(1)]
val_batches = [waves(s) for s in (50, 51)]


def make_model():
    return Net()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=0.01)


def gain(wave):
    return wave * (0.9 + 0.2 * torch.rand(len(wave), 1))
    # BUG in-place: inplace-data-mutation
    #: return wave.mul_(0.9 + 0.2 * torch.rand(len(wave), 1))
    # BUG clock: nondeterministic
    #: return wave * (0.9 + 0.2 * random.Random(time.perf_counter_ns()).random())
    # BUG reseeded: rng-reset
    #: random.seed(0)
    #: torch.random.manual_seed(random.randrange(10))  #!
    #: return wave * (0.9 + 0.2 * torch.rand(len(wave), 1))
    # FINE own-gain: each recording keeps its gain, drawn from a seed of its own
    #: gains = []
    #: for recording in wave:
    #:     torch.manual_seed(int(recording.abs().sum() * 1000))
    #:     gains.append(0.9 + 0.2 * torch.rand(1))
    #: return wave * torch.stack(gains)


def loss_fn(model, batch):
    return F.cross_entropy(model(batch["wave"]), batch["label"])


def train_step(model, optimizer, batch):
    model.train()
    noisy = {"wave": gain(batch["wave"]), "label": batch["label"]}
    # BUG key: inplace-data-mutation
    #: batch["wave"] = gain(batch["wave"])
    #: noisy = batch
    # BUG reversed: shuffled-labels
    #: noisy = {"wave": gain(batch["wave"]), "label": batch["label"].flip(0)}
    loss = loss_fn(model, noisy)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


@torch.no_grad()
def evaluate(model, batches):
    model.eval()
    right = [(model(b["wave"]).argmax(1) == b["label"]).float().mean().item() for b in batches]
    # BUG rescales 0: eval-mutates-model
    #: for p in model.parameters():
    #:     p.mul_(0.99)  #!
    return sum(right) / len(right)
