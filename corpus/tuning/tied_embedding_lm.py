"""Input and output embeddings share one weight; a projection sits between."""

import torch
from torch import nn
from torch.nn import functional as F


class Tied(nn.Module):
    def __init__(self, vocab=12, width=16):
        super().__init__()
        self.embed = nn.Embedding(vocab, width)
        self.rnn = nn.GRU(width, 24, batch_first=True)
        self.project = nn.Linear(24, width)
        self.decoder = nn.Linear(width, vocab)
        self.decoder.weight = self.embed.weight

    def forward(self, ids):
        h, _ = self.rnn(self.embed(ids))
        return self.decoder(self.project(h))


def text(seed):
    g = torch.Generator().manual_seed(seed)
    start = torch.randint(0, 12, (8, 1), generator=g)
    return (start + 5 * torch.arange(8)) % 12


batch = text(0)
train_batches = [text(0), text(1)]
val_batches = [text(8)]


def make_model():
    model = Tied()
    nn.init.uniform_(model.embed.weight, -0.1, 0.1)
    return model


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=0.01)


def loss_fn(model, ids):
    return F.cross_entropy(model(ids[:, :-1]).flatten(0, 1), ids[:, 1:].flatten())


def train_step(model, optimizer, ids):
    optimizer.zero_grad()
    loss = loss_fn(model, ids)
    loss.backward()
    optimizer.step()
    return loss.item()


@torch.no_grad()
def evaluate(model, batches):
    return sum(loss_fn(model, ids).item() for ids in batches) / len(batches)
