"""SimCLR on series: each view's augmentation is seeded by the example, the epoch and the view."""

import torch
import torch.nn.functional as F
from torch import nn

LEN = 16
g = torch.Generator().manual_seed(2002)
tones = torch.rand(64, 2, generator=g) + 0.2
signal = torch.stack(
    [torch.sin(a * torch.arange(LEN) * 2) + torch.cos(b * torch.arange(LEN)) for a, b in tones]
)
index_batches = torch.randperm(48, generator=g).view(3, 16)
train_batches = [{"index": i, "x": signal[i]} for i in index_batches]
val_batches = [{"index": torch.arange(48, 64), "x": signal[48:]}]
batch = train_batches[0]


def view(x, index, epoch, which):
    out = []
    for row, i in zip(x, index.tolist()):
        own = torch.Generator().manual_seed(1_000_003 * i + 7919 * epoch + which)
        # BUG common: rng-reset
        #: own = torch.Generator().manual_seed(0)
        gain = 0.7 + 0.6 * torch.rand(1, generator=own)
        shift = int(torch.randint(-2, 3, (1,), generator=own))
        out.append(gain * row.roll(shift) + 0.1 * torch.randn(LEN, generator=own))
    return torch.stack(out)


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(LEN, 64), nn.ReLU(), nn.Linear(64, 32), nn.ReLU())
        self.projector = nn.Sequential(nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 16, bias=False))
        self.epoch = 0

    def forward(self, x):
        return F.normalize(self.projector(self.body(x)), dim=-1)


def make_model():
    return Encoder()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=3e-3)


def loss_fn(model, batch, temperature=0.2):
    views = [view(batch["x"], batch["index"], model.epoch, k) for k in (0, 1)]
    z = model(torch.cat(views))
    n = len(z) // 2
    sim = (z @ z.T / temperature).fill_diagonal_(-torch.inf)
    return F.cross_entropy(sim, torch.arange(2 * n).roll(n))


def train_step(model, optimizer, batch):
    model.epoch += 1
    optimizer.zero_grad()
    loss = loss_fn(model, batch)
    loss.backward()
    optimizer.step()
    return loss.item()


@torch.no_grad()
def evaluate(model, batches):
    found = []
    for b in batches:
        a, c = (model(view(b["x"], b["index"], 0, k)) for k in (0, 1))
        found.append(((a @ c.T).argmax(1) == torch.arange(len(a))).float().mean().item())
    return sum(found) / len(found)
