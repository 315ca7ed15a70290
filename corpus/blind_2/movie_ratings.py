"""Ratings by neural collaborative filtering."""

import torch
from torch import nn


class NCF(nn.Module):
    def __init__(self, users=30, films=25, dim=8):
        super().__init__()
        self.user = nn.Embedding(users, dim)
        self.film = nn.Embedding(films, dim)
        self.layers = nn.Sequential(nn.Linear(2 * dim, 16), nn.ReLU())
        self.score = nn.Linear(16 + dim, 1)
        # BUG no-mean: missing-output-bias
        #: self.score = nn.Linear(16 + dim, 1, bias=False)
        # FINE own-mean: a bias of its own
        #: self.score = nn.Linear(16 + dim, 1, bias=False)
        #: self.mean = nn.Parameter(torch.tensor([3.0]))

    def forward(self, users, films):
        u, f = self.user(users), self.film(films)
        deep = self.layers(torch.cat([u, f], -1))
        return self.score(torch.cat([deep, u * f], -1))[:, 0]
        # FINE own-mean: the bias is added here
        #: return (self.score(torch.cat([deep, u * f], -1)) + self.mean)[:, 0]
        # BUG product-only: detached-graph
        #: return self.score(torch.cat([deep.data, u * f], -1))[:, 0]  #!


taste = torch.randn(30, 25, generator=torch.Generator().manual_seed(3))


def ratings(seed, n=32):
    g = torch.Generator().manual_seed(seed)
    users = torch.randint(0, 30, (n,), generator=g)
    films = torch.randint(0, 25, (n,), generator=g)
    stars = (4.0 + 0.7 * taste[users, films]).clamp(1, 5)
    return users, films, stars


batch = ratings(0)
train_batches = [ratings(0), ratings(1)]


def make_model():
    return NCF()


def make_optimizer(model):
    return torch.optim.Adagrad(model.parameters(), lr=0.1)


def loss_fn(model, batch):
    users, films, stars = batch
    error = model(users, films) - stars
    # BUG stars-column: broadcast-loss
    #: error = model(users, films) - stars.view(-1, 1)
    return error.square().mean()  # ALSO stars-column
    # FINE sum-small-rate: a sum divided by a constant
    #: return error.square().sum() / 32


def train_step(model, optimizer, batch):
    optimizer.zero_grad()
    # BUG stale: missing-zero-grad
    #: model.user.zero_grad()
    #: model.film.zero_grad()
    # BUG fresh-adagrad 0: optimizer-recreated
    #: optimizer = torch.optim.Adagrad(model.parameters(), lr=0.1)
    loss = loss_fn(model, batch)
    loss.backward()
    optimizer.step()
    return loss.item()
