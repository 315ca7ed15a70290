"""MLP-Mixer on image patches."""

import torch
from torch import nn
from torch.nn import functional as F


class MixerLayer(nn.Module):
    def __init__(self, tokens, width):
        super().__init__()
        self.n1, self.n2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.mix_tokens = nn.Sequential(nn.Linear(tokens, 16), nn.GELU(), nn.Linear(16, tokens))
        self.mix_channels = nn.Sequential(nn.Linear(width, 32), nn.GELU(), nn.Linear(32, width))

    def forward(self, x):
        y = self.n1(x)
        y = self.mix_tokens(y.transpose(1, 2)).transpose(1, 2)
        # BUG both-views: view-instead-of-permute
        #: n, t, c = y.shape
        #: y = self.mix_tokens(y.view(n, c, t)).view(n, t, c)  #!
        x = x + y
        return x + self.mix_channels(self.n2(x))


class Mixer(nn.Module):
    def __init__(self, patch=4, width=16):
        super().__init__()
        self.patchify = nn.Conv2d(3, width, patch, patch)
        self.layer = MixerLayer(9, width)
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, 4)

    def forward(self, image):
        x = self.patchify(image)
        n, c, h, w = x.shape
        x = x.flatten(2).transpose(1, 2)
        # BUG conv-view: view-instead-of-permute
        #: x = x.view(n, h * w, c)
        return self.head(self.norm(self.layer(x)).mean(1))


def pictures(seed, n=8):
    g = torch.Generator().manual_seed(seed)
    y = torch.randint(0, 4, (n,), generator=g)
    x = 0.4 * torch.randn(n, 3, 12, 12, generator=g)
    for i, k in enumerate(y.tolist()):
        x[i, :, 6 * (k // 2) : 6 * (k // 2) + 6, 6 * (k % 2) : 6 * (k % 2) + 6] += 1
    return x, y


batch = pictures(0)
train_batches = [pictures(0), pictures(1)]
val_batches = [pictures(77)]


def make_model():
    return Mixer()


def make_optimizer(model):
    return torch.optim.AdamW(model.parameters(), lr=3e-3)


def loss_fn(model, batch):
    x, y = batch
    return F.cross_entropy(model(x), y)


def train_step(model, optimizer, batch):
    x, y = batch
    if torch.rand(()) < 0.5:
        x = x.flip(3)
        y = y ^ 1
    loss = loss_fn(model, (x, y))
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


@torch.no_grad()
def evaluate(model, batches):
    return sum((model(x).argmax(1) == y).float().mean().item() for x, y in batches)
