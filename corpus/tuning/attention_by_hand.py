"""Multi-head attention written with einsum and helper functions."""

import torch
from torch import nn
from torch.nn import functional as F


def split_heads(x, heads):
    batch, length, width = x.shape
    return x.reshape(batch, length, heads, width // heads).permute(0, 2, 1, 3)
    # BUG split: view-instead-of-permute
    #: return x.reshape(batch, heads, length, width // heads)


def join_heads(x):
    batch, heads, length, size = x.shape
    return x.permute(0, 2, 1, 3).reshape(batch, length, heads * size)
    # BUG join: view-instead-of-permute
    #: return x.reshape(batch, length, heads * size)


def normalise(scores):
    return torch.softmax(scores, dim=-1)
    # BUG dim: wrong-softmax-dim
    #: return torch.softmax(scores, dim=-2)
    # BUG heads-dim: wrong-softmax-dim
    #: return torch.softmax(scores, dim=1)
    # BUG legacy: wrong-softmax-dim, batch-leak
    #: return scores.exp() / scores.exp().sum(0, keepdim=True)


class Attention(nn.Module):
    def __init__(self, width=16, heads=4):
        super().__init__()
        self.heads = heads
        self.q = nn.Linear(width, width)
        self.k = nn.Linear(width, width, bias=False)
        self.v = nn.Linear(width, width)
        self.o = nn.Linear(width, width)

    def forward(self, x, mask):
        q, k, v = (split_heads(f(x), self.heads) for f in (self.q, self.k, self.v))
        scores = torch.einsum("bhid,bhjd->bhij", q, k) / q.shape[-1] ** 0.5
        scores = scores.masked_fill(~mask[:, None, None, :], -1e9)
        # BUG maskless: padding-leak
        #: scores = scores + 0
        return self.o(join_heads(torch.einsum("bhij,bhjd->bhid", normalise(scores), v)))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(18, 16)
        self.place = nn.Embedding(8, 16)
        self.attention = Attention()
        self.norm = nn.LayerNorm(16)
        self.out = nn.Linear(16, 3)

    def forward(self, ids, mask):
        x = self.embed(ids) + self.place.weight[: ids.shape[1]]
        x = self.norm(x + self.attention(x, mask))
        return self.out(x)


def sequences(seed, n=10, t=7):
    g = torch.Generator().manual_seed(seed)
    lengths = torch.randint(3, t + 1, (n,), generator=g)
    mask = torch.arange(t) < lengths[:, None]
    ids = torch.randint(1, 18, (n, t), generator=g) * mask
    return {"ids": ids, "mask": mask, "labels": torch.where(mask, ids % 3, -100)}


batch = sequences(0)
train_batches = [sequences(0), sequences(1)]


def make_model():
    return Net()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=3e-3)


def loss_fn(model, batch):
    logits = model(batch["ids"], batch["mask"])
    return F.cross_entropy(logits.view(-1, 3), batch["labels"].view(-1))
    # BUG transpose-view: view-instead-of-permute
    #: logits = logits.transpose(1, 2)
    #: return F.cross_entropy(logits.reshape(-1, 3), batch["labels"].view(-1))  #!


def train_step(model, optimizer, batch):
    optimizer.zero_grad()
    loss = loss_fn(model, batch)
    loss.backward()
    optimizer.step()
    return loss.item()
