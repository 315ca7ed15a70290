"""Multi-horizon forecasts with a residual temporal network."""

import torch
from torch import nn
from torch.nn import functional as F


class Causal(nn.Module):
    def __init__(self, width, dilation):
        super().__init__()
        self.pad = 2 * dilation
        # BUG centred: causal-leak
        #: self.pad = dilation
        self.conv = nn.Conv1d(width, width, 3, dilation=dilation)

    def forward(self, x):
        y = self.conv(F.pad(x, (self.pad, 0)))
        # BUG centred: causal-leak
        #: y = self.conv(F.pad(x, (self.pad, self.pad)))
        return x + F.relu(y)


class TCN(nn.Module):
    def __init__(self, vocab=8, width=16):
        super().__init__()
        self.embed = nn.Embedding(vocab, width)
        self.stack = nn.Sequential(Causal(width, 1), Causal(width, 2))
        self.out = nn.Linear(width, vocab)

    def forward(self, ids):
        x = self.embed(ids).transpose(1, 2)
        return self.out(self.stack(x).transpose(1, 2))
        # BUG mean-future: causal-leak
        #: x = self.stack(x)
        #: return self.out((x + x.mean(-1, keepdim=True)).transpose(1, 2))  #!


def symbols(seed, n=8):
    g = torch.Generator().manual_seed(seed)
    start = torch.randint(0, 8, (n, 2), generator=g)
    for _ in range(7):
        start = torch.cat([start, (start[:, -1:] + start[:, -2:-1]) % 8], 1)
    return start


batch = symbols(0)
train_batches = [symbols(0), symbols(1)]
val_batches = [symbols(55)]


def make_model():
    return TCN()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=5e-3)


def loss_fn(model, ids):
    logits = model(ids[:, :-1])
    return F.cross_entropy(logits.flatten(0, 1), ids[:, 1:].flatten())


def train_step(model, optimizer, ids):
    optimizer.zero_grad()
    loss = loss_fn(model, ids)
    loss.backward()
    optimizer.step()
    return loss.item()


@torch.no_grad()
def evaluate(model, batches):
    return sum(loss_fn(model, ids).item() for ids in batches) / len(batches)
