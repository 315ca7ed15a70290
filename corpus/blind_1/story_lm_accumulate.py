"""Word-level language model trained with gradient accumulation over micro-batches."""

import torch
from torch import nn
from torch.nn import functional as F


class RecurrentLM(nn.Module):
    def __init__(self, vocab=18, width=20):
        super().__init__()
        self.embed = nn.Embedding(vocab, width)
        self.rnn = nn.GRU(width, width, batch_first=True)
        self.out = nn.Linear(width, vocab)

    def forward(self, ids):
        hidden, _ = self.rnn(self.embed(ids))
        return self.out(hidden)


def stories(seed, n=8, t=7):
    g = torch.Generator().manual_seed(seed)
    first = torch.randint(0, 18, (n, 1), generator=g)
    ids = (first * 5 + 7 * torch.arange(t + 1)) % 18
    return {"ids": ids[:, :-1], "labels": ids[:, 1:]}


batch = stories(0)
train_batches = [stories(s) for s in (0, 1, 2)]
val_batches = [stories(77)]


def make_model():
    return RecurrentLM()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=0.01)


def loss_fn(model, batch):
    logits = model(batch["ids"])
    return F.cross_entropy(logits.flatten(0, 1), batch["labels"].flatten())


def micro(batch, parts):
    chunks = {key: value.chunk(parts) for key, value in batch.items()}
    return [{key: chunks[key][i] for key in chunks} for i in range(parts)]


def train_step(model, optimizer, batch):
    parts = micro(batch, 4)
    optimizer.zero_grad()
    # BUG before 0: clip-misorder
    #: nn.utils.clip_grad_norm_(model.parameters(), 0.5)
    total = 0.0
    for part in parts:
        loss = loss_fn(model, part) / len(parts)
        loss.backward()
        # BUG inner-zero 0: missing-zero-grad
        #: if part is not parts[-1]:
        #:     optimizer.zero_grad()  #!
        # BUG epoch 0: missing-zero-grad
        #: optimizer.step()  #!
        total += loss.item()
    nn.utils.clip_grad_norm_(model.parameters(), 0.5)
    # BUG before: clip-misorder
    optimizer.step()
    return total


@torch.no_grad()
def evaluate(model, batches):
    return sum(loss_fn(model, b).item() for b in batches) / len(batches)
