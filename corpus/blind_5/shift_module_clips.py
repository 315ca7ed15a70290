"""Temporal shift module: clips go through 2-D layers frame by frame, an eighth of the channels moves in time."""

import torch
import torch.nn.functional as F
from torch import nn

CLIP, C = 6, 16
g = torch.Generator().manual_seed(1811)


def clips(n=8):
    """A bright column that walks left or right, or stays."""
    y = torch.randint(0, 3, (n,), generator=g)
    start = torch.randint(0, 8, (n, 1), generator=g)
    column = (start + (y - 1)[:, None] * torch.arange(CLIP)) % 8
    frames = F.one_hot(column, 8).float()[:, :, None, None, :].expand(n, CLIP, 1, 8, 8)
    return frames + 0.3 * torch.randn(n, CLIP, 1, 8, 8, generator=g), y


train_batches = [clips() for _ in range(8)]
batch = train_batches[0]
val_batches = [clips(24)]


def shift(x):
    nt, c, h, w = x.shape
    x = x.view(nt // CLIP, CLIP, c, h, w)
    # BUG mixed: view-instead-of-permute, batch-leak
    #: x = x.view(CLIP, nt // CLIP, c, h, w).transpose(0, 1)
    back, ahead, rest = x.split([c // 4, c // 4, c - 2 * (c // 4)], dim=2)
    back = F.pad(back[:, 1:], (0, 0, 0, 0, 0, 0, 0, 1))
    ahead = F.pad(ahead[:, :-1], (0, 0, 0, 0, 0, 0, 1, 0))
    return torch.cat([back, ahead, rest], 2).reshape(nt, c, h, w)


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv2d(C, C, 3, padding=1, padding_mode="circular"), nn.Conv2d(C, C, 1)

    def forward(self, x):
        return x + self.b(torch.relu(self.a(shift(x))))


class TSM(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(1, C, 3, padding=1, padding_mode="circular")
        self.blocks = nn.Sequential(Block(), Block())
        self.fc = nn.Linear(C, 3)

    def forward(self, clip):
        n = clip.shape[0]
        x = self.blocks(torch.relu(self.stem(clip.flatten(0, 1))))
        return self.fc(torch.relu(x).mean((2, 3)).view(n, CLIP, -1).mean(1))


def make_model():
    return TSM()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=5e-3)


def loss_fn(model, batch):
    clip, y = batch
    return F.cross_entropy(model(clip), y)


@torch.no_grad()
def evaluate(model, batches):
    return sum((model(c).argmax(1) == y).float().mean().item() for c, y in batches) / len(batches)
