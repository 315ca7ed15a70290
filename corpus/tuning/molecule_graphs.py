"""Graph-level regression on batched graphs with an edge list."""

import torch
from torch import nn


class Message(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.send = nn.Linear(width, width)
        self.keep = nn.Linear(width, width)

    def forward(self, x, edges):
        source, target = edges
        collected = torch.zeros_like(x).index_add(0, target, self.send(x)[source])
        return torch.relu(self.keep(x) + collected)


class GraphNet(nn.Module):
    def __init__(self, atoms=5, width=16, rounds=2):
        super().__init__()
        self.embed = nn.Embedding(atoms, width)
        self.rounds = nn.ModuleList(Message(width) for _ in range(rounds))
        # BUG hidden: unregistered-parameters, optimizer-misses-parameters
        #: self.rounds = [Message(width) for _ in range(rounds)]
        self.out = nn.Linear(width, 1)

    def forward(self, atom, edges, graph, graphs):
        x = self.embed(atom)
        for message in self.rounds:
            x = message(x, edges)
            # BUG first-only: unused-module
            #: x = self.rounds[0](x, edges)
        pooled = torch.zeros(graphs, x.shape[1]).index_add(0, graph, x)
        return self.out(pooled).squeeze(1)
        # BUG shape: broadcast-loss
        #: return self.out(pooled)


def molecules(seed, graphs=8, atoms=5):
    g = torch.Generator().manual_seed(seed)
    atom = torch.randint(0, 5, (graphs * atoms,), generator=g)
    graph = torch.arange(graphs).repeat_interleave(atoms)
    source = torch.arange(graphs * atoms)
    target = graph * atoms + (source + 1) % atoms
    edges = torch.stack([torch.cat([source, target]), torch.cat([target, source])])
    energy = 10 + torch.zeros(graphs).index_add(0, graph, (atom[source] == atom[target]).float())
    return {"atom": atom, "edges": edges, "graph": graph, "energy": energy}


batch = molecules(0)
train_batches = [molecules(0), molecules(1)]
val_batches = [molecules(80)]


def make_model():
    return GraphNet()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=0.01)


def loss_fn(model, b):
    guess = model(b["atom"], b["edges"], b["graph"], len(b["energy"]))
    return nn.functional.smooth_l1_loss(guess, b["energy"])


def train_step(model, optimizer, b):
    optimizer.zero_grad()
    loss = loss_fn(model, b)
    loss.backward()
    optimizer.step()
    return loss.item()


@torch.no_grad()
def evaluate(model, batches):
    errors = []
    for b in batches:
        guess = model(b["atom"], b["edges"], b["graph"], len(b["energy"]))
        errors.append((guess - b["energy"]).abs().mean())
        # BUG cross: broadcast-metric
        #: errors.append((guess[:, None] - b["energy"]).abs().mean())
    return torch.stack(errors).mean().item()
