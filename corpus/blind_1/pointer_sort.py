"""A pointer network that copies the largest remaining element."""

import torch
from torch import nn
from torch.nn import functional as F


class Pointer(nn.Module):
    def __init__(self, width=16):
        super().__init__()
        self.enc = nn.GRU(1, width, batch_first=True, bidirectional=True)
        self.cell = nn.GRUCell(1, 2 * width)
        self.q = nn.Linear(2 * width, width, bias=False)
        self.k = nn.Linear(2 * width, width, bias=False)

    def forward(self, values, order):
        memory, _ = self.enc(values.unsqueeze(-1))
        state = memory.mean(1)
        used = torch.zeros_like(values, dtype=torch.bool)
        last = torch.zeros(len(values), 1)
        logits = []
        for step in order.unbind(1):
            state = self.cell(last, state)
            score = torch.einsum("bw,btw->bt", self.q(state), self.k(memory))
            logits.append(score.masked_fill(used, float("-inf")))
            used = used | F.one_hot(step, values.shape[1]).bool()
            last = values.gather(1, step[:, None])
        return torch.stack(logits, 1)


def make_batch(generator):
    values = torch.rand(8, 5, generator=generator)
    return {"values": values, "order": values.argsort(1, descending=True)}


def make_model():
    return Pointer()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=0.01)


def loss_fn(model, b):
    logits = model(b["values"], b["order"])
    return F.cross_entropy(logits.flatten(0, 1), b["order"].flatten())
