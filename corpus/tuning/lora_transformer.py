"""LoRA on attention projections; everything else frozen, but the head."""

import math

import torch
from torch import nn
from torch.nn import functional as F


class LoRALinear(nn.Linear):
    def __init__(self, cin, cout, rank=2):
        super().__init__(cin, cout)
        self.weight.requires_grad_(False)
        self.bias.requires_grad_(False)
        self.down = nn.Parameter(torch.empty(rank, cin))
        self.up = nn.Parameter(torch.zeros(cout, rank))
        nn.init.kaiming_uniform_(self.down, a=math.sqrt(5))

    def forward(self, x):
        return super().forward(x) + (x @ self.down.T) @ self.up.T * 2


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(15, 16).requires_grad_(False)
        self.q, self.v = LoRALinear(16, 16), LoRALinear(16, 16)
        self.k = nn.Linear(16, 16).requires_grad_(False)
        self.head = nn.Linear(16, 3)

    def forward(self, ids):
        x = self.embed(ids)
        weight = (self.q(x) @ self.k(x).transpose(1, 2) / 4).softmax(-1)
        return self.head((x + weight @ self.v(x)).mean(1))


def make_batch(generator):
    ids = torch.randint(0, 15, (12, 5), generator=generator)
    return {"ids": ids, "y": ids[:, 0] % 3}


def make_model():
    torch.manual_seed(2)
    return Net()


def make_optimizer(model):
    return torch.optim.AdamW(filter(lambda p: p.requires_grad, model.parameters()), lr=0.02)


def loss_fn(model, b):
    return F.cross_entropy(model(b["ids"]), b["y"])


def train_step(model, optimizer, b):
    loss = loss_fn(model, b)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()
