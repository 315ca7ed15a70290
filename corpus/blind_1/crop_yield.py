"""Yield per hectare from soil samples: grouped samples, averaged by field."""

import torch
from torch import nn


class Field(nn.Module):
    def __init__(self, minerals=5, width=20):
        super().__init__()
        self.sample = nn.Sequential(
            nn.Linear(minerals, width), nn.LeakyReLU(), nn.Linear(width, width, bias=False)
        )
        # BUG early-bias: bias-before-batchnorm
        #: self.sample = nn.Sequential(
        #:     nn.Linear(minerals, width), nn.LeakyReLU(), nn.Linear(width, width)  #!
        #: )
        self.norm = nn.BatchNorm1d(width)
        self.final = nn.Linear(width, 1)
        # BUG through-origin: missing-output-bias
        #: self.final = nn.Linear(width, 1, bias=False)

    def forward(self, soil):
        n, k, m = soil.shape
        h = self.norm(self.sample(soil.reshape(n * k, m))).reshape(n, k, -1)
        # BUG groups: view-instead-of-permute, batch-leak
        #: h = self.norm(self.sample(soil.reshape(n * k, m))).reshape(k, n, -1).transpose(0, 1)
        return self.final(torch.tanh(h).mean(1))[:, 0]
        # BUG column: broadcast-loss
        #: return self.final(torch.tanh(h).mean(1))


def fields(seed, n=12, k=4):
    g = torch.Generator().manual_seed(seed)
    soil = torch.randn(n, k, 5, generator=g) + torch.randn(n, 1, 5, generator=g)
    return {"soil": soil, "tons": 60 + 5 * soil[..., 0].mean(1)}


batch = fields(0)
train_batches = [fields(0), fields(1)]
val_batches = [fields(37)]


def make_model():
    return Field()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=0.1)


def loss_fn(model, b):
    return (model(b["soil"]) - b["tons"]).abs().mean()


def train_step(model, optimizer, b):
    model.train()
    optimizer.zero_grad()
    # BUG part-zero: missing-zero-grad
    #: model.final.zero_grad()
    loss = loss_fn(model, b)
    loss.backward()
    optimizer.step()
    return loss.item()


def evaluate(model, batches):
    training = model.training
    model.eval()
    with torch.no_grad():
        error = sum(loss_fn(model, b).item() for b in batches) / len(batches)
    model.train(training)
    # BUG half-back: missing-train-mode
    #: model.final.train(training)
    return error
