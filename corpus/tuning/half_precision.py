"""A small regressor in float32 whose parameters could be kept in half precision."""

import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(6, 32)
        self.output = nn.Linear(32, 1)
        nn.init.constant_(self.output.bias, 3.0)

    def forward(self, x):
        return self.output(torch.relu(self.hidden(x.to(self.hidden.weight.dtype)))).squeeze(1)


def rows(seed):
    g = torch.Generator().manual_seed(seed)
    x = torch.randn(16, 6, generator=g)
    return x, 3 + x[:, 0] - x[:, 1]


batch = rows(0)
train_batches = [rows(0), rows(1)]
val_batches = [rows(2)]


def make_model():
    return Net()
    # BUG bf16: lost-update, bad-learning-rate
    #: return Net().bfloat16()
    # BUG fp16: lost-update, bad-learning-rate
    #: return Net().half()


def make_optimizer(model):
    return torch.optim.SGD(model.parameters(), lr=0.01)
    # BUG bf16: lost-update, bad-learning-rate
    #: return torch.optim.SGD(model.parameters(), lr=2e-5)
    # BUG fp16: lost-update, bad-learning-rate
    #: return torch.optim.SGD(model.parameters(), lr=1e-6)


def loss_fn(model, batch):
    x, y = batch
    return (model(x).float() - y).square().mean()
    # BUG outer: broadcast-loss
    #: return (model(x).float().view(-1, 1) - y).square().mean()


def train_step(model, optimizer, batch):
    optimizer.zero_grad()
    loss = loss_fn(model, batch)
    loss.backward()
    optimizer.step()
    return loss.item()


def evaluate(model, batches):
    with torch.no_grad():
        return sum(loss_fn(model, b).item() for b in batches)
