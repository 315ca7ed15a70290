"""Day-ahead forecasts of an hourly load: windows over one long series, split in time with a gap."""

import torch
import torch.nn.functional as F
from torch import nn

BACK, AHEAD = 24, 6
g = torch.Generator().manual_seed(24)
hour = torch.arange(600.0)
load = 40 + 9 * torch.sin(hour * 2 * torch.pi / 24) + 4 * torch.sin(hour * 2 * torch.pi / 168)
walk = torch.randn(600, generator=g)
for i in range(1, 600):
    walk[i] += 0.9 * walk[i - 1]
load = load + 0.7 * walk

windows = load.unfold(0, BACK + AHEAD, 1)
cut = 440
train_windows, val_windows = windows[:cut], windows[cut + BACK + AHEAD :]
# BUG shuffled: train-val-leak
#: windows = windows[torch.randperm(len(windows), generator=g)]
#: train_windows, val_windows = windows[:cut], windows[cut:] #!


def batches_of(w, size=32):
    return [(part[:, :BACK], part[:, BACK:]) for part in w.split(size) if len(part) == size]


train_batches = batches_of(train_windows[torch.randperm(len(train_windows), generator=g)])
val_batches = batches_of(val_windows)
batch = train_batches[0]


class Forecaster(nn.Module):
    def __init__(self, h=24):
        super().__init__()
        self.recurrent = nn.GRU(1, h, batch_first=True)
        self.out = nn.Linear(h, AHEAD)
        with torch.no_grad():
            self.out.bias.fill_(40.0)
        # BUG no-offset 2: missing-output-bias
        #: self.out = nn.Linear(h, AHEAD, bias=False)

    def forward(self, past):
        _, h = self.recurrent((past.unsqueeze(-1) - 40) / 10)
        return self.out(h[-1])


def make_model():
    return Forecaster()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=1e-2)


def loss_fn(model, batch):
    past, future = batch
    return F.huber_loss(model(past), future, delta=5.0)


def evaluate(model, batches):
    with torch.no_grad():
        return sum(F.l1_loss(model(p), f).item() for p, f in batches) / len(batches)
