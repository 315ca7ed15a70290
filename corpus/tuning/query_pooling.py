"""One learned query attends over tokens."""

import torch
from torch import nn
from torch.nn import functional as F


class QueryPool(nn.Module):
    def __init__(self, vocab=16, width=16):
        super().__init__()
        self.embed = nn.Embedding(vocab, width)
        self.key = nn.Linear(width, width)
        self.query = nn.Parameter(0.2 * torch.randn(width))
        self.out = nn.Linear(width, 3)

    def forward(self, ids, mask):
        x = self.embed(ids)
        score = torch.tanh(self.key(x)) @ self.query
        score = torch.where(mask, score, torch.tensor(-1e9))
        # BUG pads-too: padding-leak
        #: score = torch.where(mask, score, score)
        weight = score.softmax(dim=1)
        # BUG single: wrong-softmax-dim
        #: weight = score.unsqueeze(-1).softmax(dim=-1).squeeze(-1)
        # BUG all-rows: wrong-softmax-dim, batch-leak
        #: weight = score.flatten().softmax(dim=0).view_as(score)
        pooled = torch.einsum("bt,btw->bw", weight, x)
        # BUG neighbour: batch-leak
        #: pooled = torch.einsum("bt,btw->bw", weight, x.roll(1, 0) * 0.5 + x)
        return self.out(pooled)
        # BUG one-answer: constant-output, no-single-batch-overfit
        #: return self.out(pooled / pooled.shape[-1] * 0 + self.query)


def sentences(seed, n=10, t=6):
    g = torch.Generator().manual_seed(seed)
    lengths = torch.randint(2, t + 1, (n,), generator=g)
    mask = torch.arange(t) < lengths[:, None]
    ids = torch.randint(1, 16, (n, t), generator=g) * mask
    return {"ids": ids, "mask": mask, "y": ids.sum(1) % 3}


batch = sentences(0)
train_batches = [sentences(0), sentences(1)]
val_batches = [sentences(41)]


def make_model():
    return QueryPool()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=0.01)


def loss_fn(model, b):
    return F.cross_entropy(model(b["ids"], b["mask"]), b["y"])


def train_step(model, optimizer, b):
    optimizer.zero_grad()
    loss = loss_fn(model, b)
    loss.backward()
    optimizer.step()
    return loss.item()


@torch.no_grad()
def evaluate(model, batches):
    return sum(
        (model(b["ids"], b["mask"]).argmax(1) == b["y"]).float().mean().item() for b in batches
    )
