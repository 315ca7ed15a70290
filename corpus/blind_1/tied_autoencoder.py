"""An autoencoder whose decoder uses the transposed encoder weights."""

import torch
from torch import nn
from torch.nn import functional as F


class Tied(nn.Module):
    def __init__(self, inputs=20, hidden=8):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(hidden, inputs))
        nn.init.xavier_uniform_(self.weight)
        self.b = nn.Parameter(torch.zeros(hidden))
        self.c = nn.Parameter(torch.zeros(inputs))

    def forward(self, x):
        code = torch.sigmoid(F.linear(x, self.weight, self.b))
        return F.linear(code, self.weight.t(), self.c)


def make_batch(generator):
    code = torch.randn(16, 3, generator=generator)
    basis = torch.randn(3, 20, generator=torch.Generator().manual_seed(0))
    return code @ basis


def make_model():
    return Tied()


def make_optimizer(model):
    return torch.optim.Adagrad(model.parameters(), lr=0.1)


def loss_fn(model, x):
    noisy = x + 0.1 * torch.randn_like(x)
    return F.mse_loss(model(noisy), x)
