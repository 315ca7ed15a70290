"""Truncated back-propagation through time: one long series cut into chunks, the state carried over detached,
one optimizer step per chunk."""

import torch
import torch.nn.functional as F
from torch import nn

g = torch.Generator().manual_seed(6)


def draw(n, t=48):
    x = torch.randn(n, t, 2, generator=g)
    level = torch.zeros(n, 2)
    out = []
    for k in range(t):
        level = 0.8 * level + 0.2 * x[:, k]
        out.append(level[:, :1] - level[:, 1:])
    return x, torch.stack(out, 1)


batch = draw(16)
val_batches = [draw(16)]
CHUNK = 16


class Recurrent(nn.Module):
    def __init__(self, hidden=16):
        super().__init__()
        self.rnn = nn.GRU(2, hidden, batch_first=True)
        self.out = nn.Linear(hidden, 1)

    def forward(self, x, state=None):
        h, state = self.rnn(x, state)
        return self.out(h), state


def make_model():
    return Recurrent()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=1e-2)


def loss_fn(model, batch):
    x, y = batch
    return F.mse_loss(model(x)[0], y)


def train_step(model, optimizer, batch):
    state, total = None, 0.0
    chunks = list(zip(batch[0].split(CHUNK, 1), batch[1].split(CHUNK, 1)))
    for x, y in chunks:
        if state is not None:
            state = state.detach()
        pred, state = model(x, state)
        loss = F.mse_loss(pred, y)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        total += loss.item()
    return total / len(chunks)


@torch.no_grad()
def evaluate(model, batches):
    return sum(loss_fn(model, b).item() for b in batches) / len(batches)
