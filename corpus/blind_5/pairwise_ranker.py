"""RankNet over the documents of a query, normalised by the number of pairs; documents are padded, marked by a mask."""

import torch
import torch.nn.functional as F
from torch import nn

g = torch.Generator().manual_seed(2005)
taste = torch.randn(8, generator=g)


def queries(n=12, docs=9):
    x = torch.randn(n, docs, 8, generator=g)
    utility = x @ taste + 0.5 * x[..., 0] * x[..., 1]
    grade = torch.bucketize(utility, torch.tensor([-2.0, 0.5, 3.0]))
    real = torch.arange(docs) < torch.randint(5, docs + 1, (n, 1), generator=g)
    return x, grade, real


train_batches = [queries() for _ in range(6)]
batch = train_batches[0]
val_batches = [queries(24)]


class Ranker(nn.Module):
    def __init__(self):
        super().__init__()
        self.deep = nn.Sequential(nn.Linear(8, 32), nn.Softplus(), nn.Linear(32, 16), nn.Softplus())
        self.rank = nn.Linear(16, 1, bias=False)  # pairs of scores are subtracted

    def forward(self, docs):
        return self.rank(self.deep(docs)).squeeze(-1)


def make_model():
    return Ranker()


def make_optimizer(model):
    return torch.optim.NAdam(model.parameters(), lr=5e-3)


def better(grade, real):
    return (grade[:, :, None] > grade[:, None, :]) & real[:, :, None] & real[:, None, :]


def loss_fn(model, batch):
    x, grade, real = batch
    s = model(x)
    pairs = better(grade, real)
    return F.softplus(s[:, None, :] - s[:, :, None])[pairs].sum() / pairs.sum().clamp(min=1)


@torch.no_grad()
def evaluate(model, batches):
    right = total = 0
    for x, grade, real in batches:
        s = model(x)
        pairs = better(grade, real)
        right += (s[:, :, None] > s[:, None, :])[pairs].sum().item()
        total += pairs.sum().item()
    return right / total
