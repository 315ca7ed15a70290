"""Next value of a series, with the recurrent state carried between windows."""

import torch
from torch import nn


class Forecaster(nn.Module):
    def __init__(self, width=16):
        super().__init__()
        self.lstm = nn.LSTM(1, width, batch_first=True)
        self.readout = nn.Linear(width, 1)
        # BUG no-offset: missing-output-bias
        #: self.readout = nn.Linear(width, 1, bias=False)
        self.state = None

    def forward(self, window):
        out, state = self.lstm(window, self.state)
        self.state = tuple(s.detach() for s in state) if self.training else None
        return self.readout(out[:, -1]).squeeze(-1)


def series(seed, n=8, steps=12):
    g = torch.Generator().manual_seed(seed)
    phase = torch.rand(n, 1, generator=g) * 6.28
    t = torch.arange(steps + 1) * 0.4
    wave = torch.sin(t + phase) + 0.05 * torch.randn(n, steps + 1, generator=g)
    return wave[:, :-1, None], 40 + wave[:, -1]


batch = series(0)
train_batches = [series(s) for s in range(3)]
val_batches = [series(s) for s in (70, 71)]
# BUG reuse: train-val-leak
#: val_batches = [series(1), series(71)]


def make_model():
    return Forecaster()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=0.05)


def loss_fn(model, batch):
    window, following = batch
    return torch.mean((model(window) - following) ** 2)


def train_step(model, optimizer, batch):
    model.train()
    optimizer.zero_grad()
    loss = loss_fn(model, batch)
    loss.backward()
    optimizer.step()
    return loss.item()
    # BUG curve: graph-growth
    #: model.curve = getattr(model, "curve", 0) + loss  #!
    #: return model.curve.item()


def evaluate(model, batches):
    was_training = model.training
    model.eval()
    with torch.no_grad():
        errors = [(model(w) - y).abs().mean() for w, y in batches]
    model.train(was_training)
    return torch.stack(errors).mean().item()
