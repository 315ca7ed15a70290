"""Node classification on one graph with dense normalised adjacency."""

import torch
from torch import nn
from torch.nn import functional as F


class GCN(nn.Module):
    def __init__(self):
        super().__init__()
        self.l1 = nn.Linear(6, 16)
        self.l2 = nn.Linear(16, 3)

    def forward(self, x, adjacency):
        degree = adjacency.sum(1)
        norm = adjacency / (degree[:, None] * degree[None, :]).sqrt()
        return self.l2(norm @ F.relu(norm @ self.l1(x)))


def graph(seed=0, n=15):
    g = torch.Generator().manual_seed(seed)
    label = torch.arange(n) % 3
    same = label[:, None] == label[None]
    edges = (torch.rand(n, n, generator=g) < torch.where(same, 0.7, 0.1)).float()
    adjacency = ((edges + edges.T + torch.eye(n)) > 0).float()
    x = torch.randn(n, 6, generator=g)
    x[:, :3] += F.one_hot(label, 3)
    known = torch.rand(n, generator=g) < 0.6
    return {"x": x, "adjacency": adjacency, "label": label, "known": known}


batch = graph()


def make_model():
    return GCN()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=0.02, weight_decay=5e-4)


def loss_fn(model, batch):
    logits = model(batch["x"], batch["adjacency"])
    return F.cross_entropy(logits[batch["known"]], batch["label"][batch["known"]])


def train_step(model, optimizer, batch):
    model.train()
    optimizer.zero_grad()
    loss = loss_fn(model, batch)
    loss.backward()
    optimizer.step()
    return loss.item()


@torch.no_grad()
def evaluate(model, batches):
    model.eval()
    rates = []
    for b in batches:
        right = model(b["x"], b["adjacency"]).argmax(1) == b["label"]
        rates.append(right[~b["known"]].float().mean().item())
    return sum(rates) / len(rates)
