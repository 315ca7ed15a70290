"""A pointer decoder that masks visited cities with minus infinity."""

import torch
from torch import nn
from torch.nn import functional as F


class Tour(nn.Module):
    def __init__(self, c=16):
        super().__init__()
        self.city = nn.Sequential(nn.Linear(2, c), nn.Tanh())
        self.cell = nn.LSTMCell(c, c)
        self.ref, self.query = nn.Linear(c, c), nn.Linear(c, c, bias=False)
        self.v = nn.Linear(c, 1, bias=False)

    def forward(self, cities, tour):
        n, k, _ = cities.shape
        memory = self.city(cities)
        h = c = memory.mean(1)
        visited = torch.zeros(n, k, dtype=torch.bool)
        x, scores = memory.mean(1), []
        for step in range(k):
            h, c = self.cell(x, (h, c))
            score = self.v(torch.tanh(self.ref(memory) + self.query(h)[:, None])).squeeze(-1)
            scores.append(score.masked_fill(visited, float("-inf")))
            # FINE clipped: the pointer network's cap of ten
            #: score = 10 * torch.tanh(score)
            #: scores.append(score.masked_fill(visited, float("-inf")))
            visited = visited.scatter(1, tour[:, step : step + 1], True)
            x = memory[torch.arange(n), tour[:, step]]
        return torch.stack(scores, 1)


def make_batch(generator):
    cities = torch.rand(8, 5, 2, generator=generator)
    return cities, cities[..., 0].argsort(1)


def make_model():
    return Tour()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=5e-3)


def loss_fn(model, batch):
    cities, tour = batch
    return F.cross_entropy(model(cities, tour).flatten(0, 1), tour.flatten())
