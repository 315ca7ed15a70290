"""Mixture of experts in a causal LM: top-2 per token, balanced by a selection bias instead of an extra loss."""

import torch
import torch.nn.functional as F
from torch import nn

V, T, C, E = 10, 16, 24, 4
rng = torch.Generator().manual_seed(2408)
chain = torch.randn(V, V, generator=rng).mul(2).softmax(-1)


def corpus(n=16):
    x = torch.randint(0, V, (n, 1), generator=rng)
    while x.shape[1] < T + 1:
        x = torch.cat([x, torch.multinomial(chain[x[:, -1]], 1, generator=rng)], 1)
    return {
        "input_ids": x[:, :-1].contiguous(),
        "labels": x[:, 1:].contiguous(),
    }  # shifted here, once


train_batches = [corpus() for _ in range(8)]
batch = train_batches[0]
val_batches = [corpus(32)]


class MoE(nn.Module):
    def __init__(self):
        super().__init__()
        self.gate = nn.Linear(C, E, bias=False)
        self.experts = nn.ModuleList(
            nn.Sequential(nn.Linear(C, 2 * C), nn.SiLU(), nn.Linear(2 * C, C)) for _ in range(E)
        )
        self.register_buffer("select", torch.zeros(E))
        self.register_buffer("load", torch.zeros(E))

    def forward(self, x):
        affinity = self.gate(x).sigmoid()
        chosen = (affinity + self.select).topk(2, dim=-1).indices
        weight = affinity.gather(-1, chosen)
        weight = weight / weight.sum(-1, keepdim=True)
        if self.training:
            self.load = F.one_hot(chosen, E).float().mean((0, 1, 2))
        y = torch.zeros_like(x)
        for e, expert in enumerate(self.experts):
            share = (weight * (chosen == e)).sum(-1, keepdim=True)
            y = y + share * expert(x)
        return y

    @torch.no_grad()
    def rebalance(self, rate=0.01):
        self.select.add_(rate * (self.load.mean() - self.load).sign())
        # BUG unbalanced: lost-update
        #: self.select.add(rate * (self.load.mean() - self.load).sign())


class LM(nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = nn.Embedding(V, C)
        self.rnn = nn.GRU(C, C, batch_first=True)
        self.norm = nn.LayerNorm(C)
        self.moe = MoE()
        self.head = nn.Linear(C, V)

    def forward(self, ids):
        h, _ = self.rnn(self.emb(ids))
        return self.head(h + self.moe(self.norm(h)))


def make_model():
    return LM()


def make_optimizer(model):
    return torch.optim.AdamW(model.parameters(), lr=5e-3)


def loss_fn(model, batch):
    return F.cross_entropy(model(batch["input_ids"]).flatten(0, 1), batch["labels"].flatten())


def train_step(model, optimizer, batch):
    model.train()
    loss = loss_fn(model, batch)
    loss.backward()
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    model.moe.rebalance()
    return loss.item()


@torch.no_grad()
def evaluate(model, batches):
    model.eval()
    nll = sum(loss_fn(model, b).item() for b in batches) / len(batches)
    model.train()
    return nll
