"""A linear part on crossed columns plus a deep part on embeddings."""

import torch
from torch import nn
from torch.nn import functional as F


class WideDeep(nn.Module):
    def __init__(self):
        super().__init__()
        self.wide = nn.EmbeddingBag(30, 1, mode="sum")
        self.tables = nn.ModuleList([nn.Embedding(6, 3) for _ in range(3)])
        self.deep = nn.Sequential(
            nn.Linear(9 + 2, 24, bias=False),
            nn.BatchNorm1d(24),
            nn.ReLU(),
            nn.Dropout(0.1),
            nn.Linear(24, 1),
        )
        nn.init.zeros_(self.wide.weight)

    def forward(self, crossed, columns, dense):
        embedded = torch.cat([t(columns[:, i]) for i, t in enumerate(self.tables)], 1)
        return (self.wide(crossed) + self.deep(torch.cat([embedded, dense], 1))).squeeze(1)


def clicks(seed, n=16):
    g = torch.Generator().manual_seed(seed)
    columns = torch.randint(0, 6, (n, 3), generator=g)
    dense = torch.randn(n, 2, generator=g)
    crossed = torch.stack([columns[:, 0] * 5 % 30, columns[:, 1] + 6, columns[:, 2] + 12], 1)
    clicked = ((columns[:, 0] > 2).float() + dense[:, 0] > 0.7).float()
    return {"crossed": crossed, "columns": columns, "dense": dense, "clicked": clicked}


batch = clicks(0)
train_batches = [clicks(0), clicks(1)]
val_batches = [clicks(8)]


def make_model():
    return WideDeep()


def make_optimizer(model):
    return [
        torch.optim.SGD(model.wide.parameters(), lr=0.1),
        torch.optim.Adam([*model.tables.parameters(), *model.deep.parameters()], lr=0.01),
    ]


def loss_fn(model, b):
    score = model(b["crossed"], b["columns"], b["dense"])
    return F.binary_cross_entropy_with_logits(score, b["clicked"])


def train_step(model, optimizers, b):
    model.train()
    for optimizer in optimizers:
        optimizer.zero_grad()
    loss = loss_fn(model, b)
    loss.backward()
    for optimizer in optimizers:
        optimizer.step()
    return loss.item()


@torch.no_grad()
def evaluate(model, batches):
    model.eval()
    return sum(loss_fn(model, b).item() for b in batches) / len(batches)
