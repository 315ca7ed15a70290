"""Soft and top-k mixtures of experts over tabular inputs."""

import torch
from torch import nn
from torch.nn import functional as F


class Expert(nn.Module):
    def __init__(self, dim=16, hidden=16):
        super().__init__()
        self.up = nn.Linear(dim, hidden)
        self.down = nn.Linear(hidden, dim)

    def forward(self, x):
        return self.down(F.gelu(self.up(x)))


class Mixture(nn.Module):
    def __init__(self, count=4):
        super().__init__()
        self.inlet = nn.Linear(6, 16)
        self.gate = nn.Linear(16, count)
        self.experts = nn.ModuleList(Expert() for _ in range(count))
        # BUG plain-list: unregistered-parameters
        #: self.experts = [Expert() for _ in range(count)]
        # BUG identical: shared-init, symmetric-init
        #: one = Expert()
        #: self.experts = nn.ModuleList(Expert() for _ in range(count))
        #: for expert in self.experts:
        #:     expert.up.weight.data = one.up.weight.data  #!
        #:     expert.down.weight.data = one.down.weight.data  #!
        self.outlet = nn.Linear(16, 3)

    def forward(self, x):
        h = self.inlet(x)
        share = F.softmax(self.gate(h), dim=1)
        # BUG gate-over-batch: wrong-softmax-dim, batch-leak
        #: share = F.softmax(self.gate(h), dim=0)
        # BUG hard-gate: detached-graph
        #: share = F.one_hot(self.gate(h).argmax(1), len(self.experts)).to(h.dtype)
        # FINE straight-through: hard in value, soft in gradient
        #: soft = F.softmax(self.gate(h), dim=1)
        #: hard = F.one_hot(soft.argmax(1), len(self.experts)).to(h.dtype)
        #: share = hard - soft.detach() + soft
        # FINE top-two: the two largest shares, renormalised
        #: best, where = self.gate(h).topk(2, dim=1)
        #: share = torch.zeros(len(h), len(self.experts)).scatter(1, where, best.softmax(1))
        answers = torch.stack([expert(h) for expert in self.experts], dim=1)
        h = h + torch.einsum("ne,ned->nd", share, answers)
        # BUG not-used: unused-module
        #: mixed = torch.einsum("ne,ned->nd", share, answers)  #!
        return self.outlet(h)


def make_batch(generator):
    x = torch.randn(24, 6, generator=generator)
    region = (x[:, 0] > 0).long() + (x[:, 1] > 0).long()
    return {"x": x, "y": (region + (x[:, 2] * x[:, 3] > 0).long()) % 3}


def make_model():
    return Mixture()
    # BUG pure-bf16: lost-update
    #: return Mixture().bfloat16()


def make_optimizer(model):
    return torch.optim.AdamW(model.parameters(), lr=5e-3)
    # BUG pure-bf16: lost-update
    #: return torch.optim.AdamW(model.parameters(), lr=1e-5)


def loss_fn(model, b):
    return F.cross_entropy(model(b["x"]), b["y"])
    # BUG pure-bf16: lost-update
    #: return F.cross_entropy(model(b["x"].bfloat16()).float(), b["y"])
    # BUG soft-in-loss: softmax-into-cross-entropy, double-softmax
    #: return F.cross_entropy(model(b["x"]).softmax(1).clamp(1e-6, 1), b["y"])


def train_step(model, optimizer, b):
    optimizer.zero_grad()
    # BUG never-zeroed: missing-zero-grad
    loss = loss_fn(model, b)
    loss.backward()
    optimizer.step()
    return loss.item()
    # BUG history 2: graph-growth
    #: optimizer.step()
    #: model.history = getattr(model, "history", 0) + loss  #!
    #: return model.history.item()
