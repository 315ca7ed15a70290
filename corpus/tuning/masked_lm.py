"""Masked language modelling: a bidirectional encoder with -100 labels."""

import torch
from torch import nn
from torch.nn import functional as F

MASK = 1


class Bert(nn.Module):
    def __init__(self, vocab=16, width=16):
        super().__init__()
        self.embed = nn.Embedding(vocab, width)
        self.place = nn.Embedding(9, width)
        self.norm0 = nn.LayerNorm(width)
        self.layer = nn.TransformerEncoderLayer(
            width, 2, 32, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
        )
        self.transform = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.LayerNorm(width))
        self.bias = nn.Parameter(torch.zeros(vocab))

    def forward(self, ids):
        x = self.norm0(self.embed(ids) + self.place(torch.arange(ids.size(1))))
        x = self.transform(self.layer(x))
        return x @ self.embed.weight.T + self.bias


def make_batch(generator):
    start = torch.randint(2, 16, (10, 1), generator=generator)
    ids = 2 + (start + 3 * torch.arange(9)) % 14
    hidden = torch.rand(10, 9, generator=generator) < 0.3
    hidden[:, 4] = True
    return {
        "input_ids": ids.masked_fill(hidden, MASK),
        "labels": ids.masked_fill(~hidden, -100),
    }


def make_model():
    model = Bert()
    nn.init.normal_(model.embed.weight, std=0.1)
    return model


def make_optimizer(model):
    return torch.optim.AdamW(model.parameters(), lr=5e-3)


def loss_fn(model, batch):
    logits = model(batch["input_ids"])
    return F.cross_entropy(logits.view(-1, logits.shape[-1]), batch["labels"].view(-1))
