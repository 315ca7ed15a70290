"""Grouped convolutions with a channel shuffle and a pixel-shuffle head."""

import torch
from torch import nn
from torch.nn import functional as F


def channel_shuffle(x, groups):
    n, c, h, w = x.shape
    return x.view(n, groups, c // groups, h, w).transpose(1, 2).reshape(n, c, h, w)


class SuperRes(nn.Module):
    def __init__(self):
        super().__init__()
        self.enter = nn.Conv2d(1, 16, 3, padding=1)
        self.g1 = nn.Conv2d(16, 16, 1, groups=4, bias=False)
        self.bn = nn.BatchNorm2d(16)
        self.g2 = nn.Conv2d(16, 16, 3, padding=1, groups=4)
        self.leave = nn.Conv2d(16, 4, 3, padding=1)

    def forward(self, x):
        y = F.relu(self.enter(x))
        z = F.relu(self.bn(self.g1(y)))
        y = y + self.g2(channel_shuffle(z, 4))
        return F.pixel_shuffle(self.leave(y), 2)


def make_batch(generator):
    fine = torch.rand(6, 1, 10, 10, generator=generator)
    fine = F.avg_pool2d(F.pad(fine, (1, 1, 1, 1), mode="reflect"), 3, 1)
    return F.avg_pool2d(fine, 2), fine


def make_model():
    return SuperRes()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=5e-3)


def loss_fn(model, batch):
    coarse, fine = batch
    return F.l1_loss(model(coarse), fine)


def train_step(model, optimizer, batch):
    model.train()
    optimizer.zero_grad()
    loss = loss_fn(model, batch)
    loss.backward()
    optimizer.step()
    return loss.item()


def evaluate(model, batches):
    model.eval()
    with torch.no_grad():
        error = [F.mse_loss(model(x), y) for x, y in batches]
    return -10 * torch.log10(torch.stack(error).mean()).item()
