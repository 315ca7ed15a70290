"""GRU language model with tied embeddings (no output bias); micro-batches are accumulated,
each weighted by its share of the real tokens."""

import torch
import torch.nn.functional as F
from torch import nn

g = torch.Generator().manual_seed(26)
V = 10
nxt = torch.randperm(V - 1, generator=g) + 1


def draw(n=12, t=10):
    ids = torch.zeros(n, t + 1, dtype=torch.long)
    ids[:, 0] = torch.randint(1, V, (n,), generator=g)
    for k in range(t):
        jump = torch.randint(1, V, (n,), generator=g)
        keep = torch.rand(n, generator=g) < 0.9
        ids[:, k + 1] = torch.where(keep, nxt[ids[:, k] - 1], jump)
    length = torch.randint(4, t + 2, (n, 1), generator=g)
    return ids * (torch.arange(t + 1) < length)


batch = draw()
val_batches = [draw(), draw()]


class TiedLM(nn.Module):
    def __init__(self, d=24):
        super().__init__()
        self.emb = nn.Embedding(V, d, padding_idx=0)
        self.rnn = nn.GRU(d, d, batch_first=True)
        self.head = nn.Linear(d, V, bias=False)
        self.head.weight = self.emb.weight

    def forward(self, ids):
        return self.head(self.rnn(self.emb(ids))[0])


def make_model():
    return TiedLM()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=1e-2)


def token_loss(model, ids):
    """Sum over real next tokens."""
    logits = model(ids[:, :-1])
    target = ids[:, 1:]
    return F.cross_entropy(
        logits.reshape(-1, V), target.reshape(-1), ignore_index=0, reduction="sum"
    )


def loss_fn(model, batch):
    return token_loss(model, batch) / (batch[:, 1:] != 0).sum()


def train_step(model, optimizer, batch, pieces=3):
    tokens = (batch[:, 1:] != 0).sum()
    optimizer.zero_grad()
    total = 0.0
    for part in batch.chunk(pieces):
        loss = token_loss(model, part) / tokens
        loss.backward()
        total += loss.item()
    optimizer.step()
    return total


@torch.no_grad()
def evaluate(model, batches):
    total = sum(token_loss(model, ids).item() for ids in batches)
    return total / sum((ids[:, 1:] != 0).sum().item() for ids in batches)
