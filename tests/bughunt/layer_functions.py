"""Models that are a function of (layers, inputs), and batches for them."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

from pytest_mlregress.bughunt import hunt

GENERATOR = torch.Generator()


class Net(nn.Module):
    """A function of (layers, inputs) with the layers that it needs."""

    def __init__(self, function, layers):
        super().__init__()
        self.function = function
        self.layers = nn.ModuleDict(layers())

    def forward(self, *inputs):
        return self.function(self.layers, *inputs)


def classify(model, batch):
    return F.cross_entropy(model(batch[0]), batch[1])


def find(slug, function, layers, batch, loss_fn=classify):
    return hunt(lambda: Net(function, layers), batch, loss_fn=loss_fn, checks=[slug])


def line_of(function):
    return f"{function.__code__.co_filename}:{function.__code__.co_firstlineno + 1}"


def language(n=7, t=9, vocab=12):
    return torch.randint(0, vocab, (n, t), generator=GENERATOR.manual_seed(3))


def next_token(model, ids):
    return F.cross_entropy(model(ids[:, :-1]).flatten(0, 1), ids[:, 1:].flatten())


def lm_layers():
    return {
        "embed": nn.Embedding(12, 16),
        "rnn": nn.LSTM(16, 16, batch_first=True),
        "both": nn.LSTM(16, 8, batch_first=True, bidirectional=True),
        "conv": nn.Conv1d(16, 16, 3),
        "attend": nn.MultiheadAttention(16, 2, batch_first=True),
        "o": nn.Linear(16, 12),
    }


def causal_rnn(m, ids):
    return m["o"](m["rnn"](m["embed"](ids))[0])


def both_ways(m, ids):
    return m["o"](m["both"](m["embed"](ids))[0])


def causal_convolution(m, ids):
    x = F.pad(m["embed"](ids).transpose(1, 2), (2, 0))
    return m["o"](m["conv"](x).transpose(1, 2))


def causal_attention(m, ids):
    x = m["embed"](ids)
    mask = torch.triu(torch.ones(len(x[0]), len(x[0]), dtype=torch.bool), 1)
    return m["o"](m["attend"](x, x, x, attn_mask=mask)[0])


def attention_without_mask(m, ids):
    x = m["embed"](ids)
    return m["o"](m["attend"](x, x, x)[0])


def padded(n=8, t=7):
    g = GENERATOR.manual_seed(5)
    lengths = torch.randint(2, t + 1, (n,), generator=g)
    lengths[0], lengths[1] = t, 2
    mask = torch.arange(t) < lengths[:, None]
    ids = torch.randint(1, 12, (n, t), generator=g) * mask
    return {"ids": ids, "mask": mask, "lengths": lengths, "y": torch.arange(n) % 12}
