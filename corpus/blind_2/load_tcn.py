"""Forecasting electric load one step ahead with causal dilated convolutions."""

import torch
from torch import nn
from torch.nn import functional as F


class CausalConv(nn.Module):
    def __init__(self, i, o, dilation):
        super().__init__()
        self.left = 2 * dilation
        self.conv = nn.Conv1d(i, o, 3, dilation=dilation)

    def forward(self, x):
        return self.conv(F.pad(x, (self.left, 0)))
        # BUG same-padding: causal-leak
        #: return self.conv(F.pad(x, (self.left // 2, self.left // 2)))


class TCN(nn.Module):
    def __init__(self, series=3):
        super().__init__()
        self.blocks = nn.ModuleList(
            [CausalConv(series, 16, 1), CausalConv(16, 16, 2), CausalConv(16, 16, 4)]
        )
        self.out = nn.Linear(16, series)
        # BUG offset-free: missing-output-bias
        #: self.out = nn.Linear(16, series, bias=False)

    def forward(self, x):
        n, t, c = x.shape
        h = x.transpose(1, 2)
        # BUG channels-view: view-instead-of-permute
        #: h = x.view(n, c, t)
        # FINE rearranged: transpose through a view of one axis
        #: h = x.unflatten(2, (c, 1)).permute(0, 2, 3, 1).reshape(n, c, t)
        for block in self.blocks:
            h = torch.tanh(block(h))
        return self.out(h.transpose(1, 2))
        # BUG back-view: view-instead-of-permute
        #: return self.out(h.reshape(n, t, -1))


def windows(seed, n=10, t=16):
    g = torch.Generator().manual_seed(seed)
    start = 6.28 * torch.rand(n, 1, 3, generator=g)
    speed = torch.tensor([0.4, 0.7, 1.1])
    hour = torch.arange(t + 1).view(1, -1, 1)
    series = 9 + torch.sin(start + speed * hour) + 0.1 * torch.randn(n, t + 1, 3, generator=g)
    return {"past": series[:, :-1], "next": series[:, 1:]}
    # BUG same-hour: labels-not-shifted
    #: return {"past": series[:, :-1], "next": series[:, :-1]}


batch = windows(0)
train_batches = [windows(0), windows(1)]
val_batches = [windows(90)]


def make_model():
    return TCN()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=0.02)


def loss_fn(model, b):
    return F.mse_loss(model(b["past"] - 9), b["next"])  # ALSO same-hour
    # FINE merged-time: batch and time are merged for the loss
    #: guess = model(b["past"] - 9)
    #: return F.l1_loss(guess.reshape(-1, 3), b["next"].reshape(-1, 3))


def train_step(model, optimizer, b):
    optimizer.zero_grad()
    loss = loss_fn(model, b)
    loss.backward()
    # BUG optimizer-anew 0: optimizer-recreated
    #: optimizer = make_optimizer(model)
    optimizer.step()
    # BUG step-first 2: step-before-backward
    #: optimizer.step()  #!
    #: loss.backward()
    return loss.item()
