"""No optimizer at all: the update is written by hand."""

import torch
from torch import nn
from torch.nn import functional as F


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.w1 = nn.Parameter(torch.randn(6, 24) / 6**0.5)
        self.b1 = nn.Parameter(torch.zeros(24))
        self.w2 = nn.Parameter(torch.randn(24, 3) / 24**0.5)
        self.b2 = nn.Parameter(torch.zeros(3))

    def forward(self, x):
        return torch.relu(x @ self.w1 + self.b1) @ self.w2 + self.b2


def rows(seed):
    g = torch.Generator().manual_seed(seed)
    x = torch.randn(16, 6, generator=g)
    return x, x[:, :3].argmax(1)


batch = rows(0)
train_batches = [rows(0), rows(1)]


def make_model():
    return Net()


def loss_fn(model, batch):
    return F.cross_entropy(model(batch[0]), batch[1])


def train_step(model, optimizer, batch, lr=0.2):
    loss = loss_fn(model, batch)
    grads = torch.autograd.grad(loss, list(model.parameters()))
    with torch.no_grad():
        for p, grad in zip(model.parameters(), grads):
            p -= lr * grad
    return loss.item()
