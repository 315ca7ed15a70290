"""Linear attention: queries over channels, keys over positions."""

import torch
from torch import nn
from torch.nn import functional as F


class Efficient(nn.Module):
    def __init__(self, width=16):
        super().__init__()
        self.q, self.k, self.v = (nn.Linear(width, width) for _ in range(3))

    def forward(self, x):
        q = self.q(x).softmax(dim=-1)
        k = self.k(x).softmax(dim=1)
        context = torch.einsum("btk,btv->bkv", k, self.v(x))
        return torch.einsum("btk,bkv->btv", q, context)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.enter = nn.Linear(5, 16)
        self.attention = Efficient()
        self.norm = nn.LayerNorm(16)
        self.leave = nn.Linear(16, 3)

    def forward(self, x):
        h = torch.relu(self.enter(x))
        return self.leave(self.norm(h + self.attention(h)).mean(1))


def make_batch(generator):
    x = torch.randn(10, 6, 5, generator=generator)
    return x, x.mean(1)[:, :3].argmax(1)


def make_model():
    return Net()


def make_optimizer(model):
    return torch.optim.RAdam(model.parameters(), lr=0.01)


def loss_fn(model, batch):
    return F.cross_entropy(model(batch[0]), batch[1])
