"""Node classification on one graph by normalised adjacency, log_softmax and nll_loss."""

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn import Linear, Module


class GraphConvolution(Module):
    def __init__(self, i, o):
        super().__init__()
        self.linear = Linear(i, o)

    def forward(self, x, a):
        return a @ self.linear(x)


class GCN(Module):
    def __init__(self, features=10, hidden=16, classes=3):
        super().__init__()
        self.first = GraphConvolution(features, hidden)
        self.second = GraphConvolution(hidden, hidden)
        self.third = GraphConvolution(hidden, classes)

    def forward(self, x, a):
        h = F.dropout(F.relu(self.first(x, a)), 0.2, training=self.training)
        h = F.dropout(F.relu(self.second(h, a)), 0.2, training=self.training)
        # BUG always-dropout: missing-eval-mode
        #: h = F.dropout(F.relu(self.second(h, a)), 0.2)  #!
        # BUG skipped-layer: unused-module
        #: h2 = F.relu(self.second(h, a))  #!
        # FINE residual: identity around the second layer
        #: h = h + F.dropout(F.relu(self.second(h, a)), 0.2, training=self.training)
        return F.log_softmax(self.third(h, a), dim=-1)
        # BUG softmax-out: probabilities-into-nll
        #: return F.softmax(self.third(h, a), dim=-1)
        # BUG raw-out: logits-into-nll
        #: return self.third(h, a)
        # BUG over-nodes: wrong-softmax-dim
        #: return F.log_softmax(self.third(h, a), dim=0)


def graph(seed, n=30):
    g = torch.Generator().manual_seed(seed)
    group = torch.randint(0, 3, (n,), generator=g)
    same = group[:, None] == group[None, :]
    edge = torch.rand(n, n, generator=g) < torch.where(same, 0.35, 0.04)
    edge = (edge | edge.T | torch.eye(n, dtype=torch.bool)).float()
    scale = edge.sum(1).rsqrt()
    x = torch.randn(n, 10, generator=g)
    x[torch.arange(n), group] += 1.0
    return {"x": x, "a": scale[:, None] * edge * scale[None, :], "y": group}


batch = graph(0)
train_batches = [graph(0)]
val_batches = [graph(20)]


def make_model():
    return GCN()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=0.01, weight_decay=5e-4)


def loss_fn(model, b):
    return F.nll_loss(model(b["x"], b["a"]), b["y"])  # ALSO softmax-out raw-out


def train_step(model, optimizer, b):
    model.train()
    # BUG never-back: missing-train-mode
    optimizer.zero_grad()
    loss = loss_fn(model, b)
    loss.backward()
    optimizer.step()
    return loss.item()


def evaluate(model, batches):
    model.eval()
    # BUG noisy-test: missing-eval-mode
    with torch.no_grad():
        return sum(
            (model(b["x"], b["a"]).argmax(1) == b["y"]).float().mean().item() for b in batches
        )
