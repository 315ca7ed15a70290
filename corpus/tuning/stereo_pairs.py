"""Images in channels-last layout, moved and regrouped for convolutions."""

import torch
from torch import nn
from torch.nn import functional as F


def to_channels_first(x):
    return torch.moveaxis(x, -1, 1)
    # BUG layout: view-instead-of-permute
    #: return x.reshape(x.shape[0], x.shape[3], x.shape[1], x.shape[2])


class Stereo(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=1)
        self.rows = nn.GRU(8, 8, batch_first=True)
        self.head = nn.Linear(8, 4)

    def forward(self, images):
        x = F.relu(self.conv(to_channels_first(images)))
        n, c, h, w = x.shape
        steps = x.mean(3).permute(0, 2, 1)
        # BUG rows-view: view-instead-of-permute
        #: steps = x.mean(3).view(n, h, c)
        _, last = self.rows(steps)
        return self.head(last[0])


def pictures(seed, n=8):
    g = torch.Generator().manual_seed(seed)
    y = torch.randint(0, 4, (n,), generator=g)
    x = 0.4 * torch.randn(n, 8, 6, 3, generator=g)
    x[torch.arange(n), 2 * y] += 1.5
    return x, y


batch = pictures(0)
train_batches = [pictures(0), pictures(1)]
val_batches = [pictures(29)]


def make_model():
    return Stereo()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=0.01)


def loss_fn(model, batch):
    return F.cross_entropy(model(batch[0]), batch[1])


def train_step(model, optimizer, batch):
    optimizer.zero_grad()
    loss = loss_fn(model, batch)
    loss.backward()
    optimizer.step()
    return loss.item()


@torch.no_grad()
def evaluate(model, batches):
    return sum((model(x).argmax(1) == y).float().mean().item() for x, y in batches)
