"""Churn prediction in pure bfloat16 with float32 master weights."""

import torch
from torch import nn
from torch.nn import functional as F


class Churn(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(9, 32)
        self.fc2 = nn.Linear(32, 1)

    def forward(self, x):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            hidden = F.relu(self.fc1(x))
            score = self.fc2(hidden)
        return score.float()[:, 0]


def customers(seed, n=16):
    g = torch.Generator().manual_seed(seed)
    x = torch.randn(n, 9, generator=g)
    return x, (x[:, :3].sum(1) > 1).float()


batch = customers(0)
train_batches = [customers(0), customers(1)]


def make_model():
    return Churn()
    # BUG half-weights: lost-update, bad-learning-rate
    #: return Churn().to(torch.bfloat16)  #!


def make_optimizer(model):
    return torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    # BUG half-weights: lost-update, bad-learning-rate
    #: return torch.optim.SGD(model.parameters(), lr=3e-5)


def loss_fn(model, batch):
    x, y = batch
    return F.binary_cross_entropy_with_logits(model(x), y)
    # BUG prob: sigmoid-into-bce-with-logits
    #: return F.binary_cross_entropy_with_logits(model(x).sigmoid(), y)


def train_step(model, optimizer, batch):
    optimizer.zero_grad()
    loss = loss_fn(model, batch)
    loss.backward()
    optimizer.step()
    return loss.item()
