"""A sequence classifier whose feed-forward block works on chunks of tokens to save memory."""

import torch
from torch import nn
from torch.nn import functional as F


class ChunkedFeedForward(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.up, self.down = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)

    def forward(self, x):
        b, t, c = x.shape
        tokens = x.reshape(b * t, c)
        pieces = [self.down(F.gelu(self.up(piece))) for piece in tokens.split(b)]
        # FINE in-halves: two pieces
        #: pieces = [self.down(F.gelu(self.up(piece))) for piece in tokens.chunk(2)]
        # BUG by-step: view-instead-of-permute, batch-leak
        #: pieces = [self.down(F.gelu(self.up(piece))) for piece in x.unbind(1)]
        # BUG backwards: view-instead-of-permute, batch-leak
        #: pieces = [self.down(F.gelu(self.up(piece))) for piece in tokens.split(b)][::-1]
        return torch.cat(pieces).view(b, t, c)  # ALSO by-step, backwards


class Net(nn.Module):
    def __init__(self, width=12):
        super().__init__()
        self.enter, self.ff = nn.Linear(3, width), ChunkedFeedForward(width)
        self.norm, self.out = nn.LayerNorm(width), nn.Linear(width, 3)

    def forward(self, x):
        h = self.enter(x)
        h = h + self.ff(self.norm(h))
        return self.out(h.mean(1))


def signals(seed, n=10, t=6):
    g = torch.Generator().manual_seed(seed)
    y = torch.randint(0, 3, (n,), generator=g)
    return torch.randn(n, t, 3, generator=g) + 1.5 * F.one_hot(y, 3)[:, None], y


batch = signals(0)
train_batches = [signals(0), signals(1)]
val_batches = [signals(30)]


def make_model():
    return Net()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=5e-3)


def loss_fn(model, batch):
    x, y = batch
    return F.cross_entropy(model(x), y)


def train_step(model, optimizer, batch):
    optimizer.zero_grad()
    loss = loss_fn(model, batch)
    loss.backward()
    optimizer.step()
    return loss.item()


@torch.no_grad()
def evaluate(model, batches):
    return sum((model(x).argmax(-1) == y).float().mean().item() for x, y in batches)
