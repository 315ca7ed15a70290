"""Graph isomorphism network with dense adjacency per example."""

import torch
from torch import nn
from torch.nn import functional as F


class GIN(nn.Module):
    def __init__(self, width=16):
        super().__init__()
        self.embed = nn.Embedding(4, width)
        self.eps = nn.Parameter(torch.zeros(2))
        self.mlps = nn.ModuleList(
            nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width))
            for _ in range(2)
        )
        self.head = nn.Linear(width, 2)

    def forward(self, nodes, adjacency):
        x = self.embed(nodes)
        for eps, mlp in zip(self.eps, self.mlps):
            x = F.relu(mlp((1 + eps) * x + adjacency @ x))
        return self.head(x.sum(1))


def make_batch(generator):
    nodes = torch.randint(0, 4, (8, 5), generator=generator)
    upper = (torch.rand(8, 5, 5, generator=generator) < 0.5).float().triu(1)
    adjacency = upper + upper.transpose(1, 2)
    return {"nodes": nodes, "adjacency": adjacency, "y": (upper.sum((1, 2)) > 5).long()}


def make_model():
    return GIN()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=4e-3)


def loss_fn(model, b):
    return F.cross_entropy(model(b["nodes"], b["adjacency"]), b["y"])
