"""Truncated backpropagation: 32 parallel streams of symbols, the LSTM's state goes on from batch to batch."""

import torch
import torch.nn.functional as F
from torch import nn

STREAMS, STEP, V = 32, 12, 9
g = torch.Generator().manual_seed(1991)
table = torch.randn(V, V, V, generator=g).mul(2.5).softmax(-1)


def stream(length):
    x = torch.randint(0, V, (STREAMS, 2), generator=g)
    for _ in range(length - 1):
        x = torch.cat([x, torch.multinomial(table[x[:, -2], x[:, -1]], 1, generator=g)], 1)
    return x


def cut(x):
    return [x[:, i : i + STEP + 1] for i in range(0, x.shape[1] - STEP, STEP)]


train_batches = cut(stream(STEP * 8 + 1))
val_batches = cut(stream(STEP * 3 + 1))
batch = train_batches[0]


class StreamLM(nn.Module):
    def __init__(self, d=24, h=48):
        super().__init__()
        self.embed = nn.Embedding(V, d)
        self.rnn = nn.LSTM(d, h, batch_first=True)
        self.read = nn.Linear(h, V)
        self.register_buffer("h", torch.zeros(1, STREAMS, h), persistent=False)
        self.register_buffer("c", torch.zeros(1, STREAMS, h), persistent=False)

    def reset(self):
        self.h, self.c = torch.zeros_like(self.h), torch.zeros_like(self.c)

    def forward(self, x):
        out, (h, c) = self.rnn(self.embed(x), (self.h, self.c))
        self.h, self.c = h.detach(), c.detach()
        return self.read(out)


def make_model():
    return StreamLM()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=5e-3)


def loss_fn(model, batch):
    logits = model(batch[:, :-1])
    return F.cross_entropy(logits.flatten(0, 1), batch[:, 1:].flatten())


def train_step(model, optimizer, batch):
    optimizer.zero_grad()
    loss = loss_fn(model, batch)
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    return loss.item()


@torch.no_grad()
def evaluate(model, batches):
    kept = model.h, model.c
    model.reset()
    nll = [loss_fn(model, b).item() for b in batches]
    model.h, model.c = kept
    return sum(nll) / len(nll)
