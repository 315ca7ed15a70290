"""Scores of headlines by cross-attention between user history and candidates."""

import torch
from torch import nn
from torch.nn import functional as F


class Ranker(nn.Module):
    def __init__(self, topics=14, width=16, heads=2):
        super().__init__()
        self.heads = heads
        self.topic = nn.Embedding(topics, width)
        self.wq = nn.Linear(width, width)
        self.wk = nn.Linear(width, width)
        self.wv = nn.Linear(width, width)
        self.drop_rate = 0.1
        self.out = nn.Linear(width, width)

    def heads_of(self, x):
        return torch.stack(x.chunk(self.heads, dim=-1), dim=1)
        # BUG chunks: view-instead-of-permute
        #: return x.reshape(x.shape[0], self.heads, x.shape[1], -1)

    def forward(self, history, candidates, seen):
        h, c = self.topic(history), self.topic(candidates)
        q, k, v = self.heads_of(self.wq(c)), self.heads_of(self.wk(h)), self.heads_of(self.wv(h))
        logits = torch.matmul(q, k.mT) / k.shape[-1] ** 0.5
        logits = logits + torch.log(seen.float())[:, None, None].clamp_min(-1e9)
        # BUG unseen: padding-leak
        weight = torch.exp(logits - torch.logsumexp(logits, -1, keepdim=True))
        # BUG over-candidates: wrong-softmax-dim
        #: weight = torch.exp(logits - torch.logsumexp(logits, -2, keepdim=True))
        mixed = torch.matmul(weight, v)
        joined = torch.cat(mixed.unbind(1), dim=-1)
        joined = F.dropout(joined, self.drop_rate, training=self.training)
        # BUG stubborn: missing-eval-mode
        #: joined = F.dropout(joined, self.drop_rate)
        return (self.out(joined) * c).sum(-1)


def visits(seed, n=10, t=6):
    g = torch.Generator().manual_seed(seed)
    length = torch.randint(2, t + 1, (n,), generator=g)
    seen = torch.arange(t) < length[:, None]
    history = torch.randint(1, 14, (n, t), generator=g) * seen
    candidates = torch.stack([torch.randperm(13, generator=g)[:4] + 1 for _ in range(n)])
    clicked = torch.randint(0, 4, (n,), generator=g)
    candidates[torch.arange(n), clicked] = history[:, 0]
    return {"history": history, "candidates": candidates, "mask": seen, "clicked": clicked}


batch = visits(0)
train_batches = [visits(0), visits(1)]
val_batches = [visits(53)]


def make_model():
    return Ranker()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=5e-3)


def loss_fn(model, b):
    scores = model(b["history"], b["candidates"], b["mask"])
    return F.cross_entropy(scores, b["clicked"])
    # BUG probs: softmax-into-cross-entropy, double-softmax
    #: chance = scores.exp() / scores.exp().sum(1, keepdim=True)
    #: return F.cross_entropy(chance, b["clicked"])  #!


def train_step(model, optimizer, b):
    model.train()
    optimizer.zero_grad()
    loss = loss_fn(model, b)
    loss.backward()
    optimizer.step()
    return loss.item()


@torch.no_grad()
def evaluate(model, batches):
    model.eval()
    # BUG awake: missing-eval-mode
    #: model.zero_grad()
    hits = [
        (model(b["history"], b["candidates"], b["mask"]).argmax(1) == b["clicked"]).float().mean()
        for b in batches
    ]
    return torch.stack(hits).mean().item()
