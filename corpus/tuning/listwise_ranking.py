"""Learning to rank: a softmax over the documents of one query."""

import torch
from torch import nn
from torch.nn import functional as F


class Ranker(nn.Module):
    def __init__(self):
        super().__init__()
        self.score = nn.Sequential(nn.Linear(6, 24), nn.ReLU(), nn.Linear(24, 1, bias=False))

    def forward(self, documents):
        return self.score(documents).squeeze(-1)


def queries(seed, n=8, k=5):
    g = torch.Generator().manual_seed(seed)
    documents = torch.randn(n, k, 6, generator=g)
    return documents, documents[..., 0] + 0.5 * documents[..., 1]


batch = queries(0)
train_batches = [queries(0), queries(1)]
val_batches = [queries(5)]


def make_model():
    return Ranker()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=5e-3)


def loss_fn(model, batch):
    documents, relevance = batch
    return -(F.softmax(relevance, 1) * F.log_softmax(model(documents), 1)).sum(1).mean()


def train_step(model, optimizer, batch):
    optimizer.zero_grad()
    loss = loss_fn(model, batch)
    loss.backward()
    optimizer.step()
    return loss.item()


@torch.no_grad()
def evaluate(model, batches):
    return sum((model(d).argmax(1) == r.argmax(1)).float().mean().item() for d, r in batches)
