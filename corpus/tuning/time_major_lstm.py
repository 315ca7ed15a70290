"""A time-major language model: (T, N) tokens all the way."""

import torch
from torch import nn
from torch.nn import functional as F


class TimeMajor(nn.Module):
    def __init__(self, vocab=14, width=20):
        super().__init__()
        self.embed = nn.Embedding(vocab, width)
        self.lstm = nn.LSTM(width, width)
        self.drop = nn.Dropout(0.1)
        self.decode = nn.Linear(width, vocab)

    def forward(self, tokens):
        out, _ = self.lstm(self.drop(self.embed(tokens)))
        t, n, w = out.shape
        return self.decode(self.drop(out).view(t * n, w)).view(t, n, -1)


def corpus(seed, n=8, t=8):
    g = torch.Generator().manual_seed(seed)
    start = torch.randint(0, 14, (1, n), generator=g)
    stream = (start + 5 * torch.arange(t + 1)[:, None]) % 14
    return stream[:-1], stream[1:]


batch = corpus(0)
train_batches = [corpus(0), corpus(1)]
val_batches = [corpus(6)]


def make_model():
    return TimeMajor()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=0.01)


def loss_fn(model, batch):
    tokens, following = batch
    logits = model(tokens)
    return F.cross_entropy(logits.view(-1, logits.shape[-1]), following.reshape(-1))


def train_step(model, optimizer, batch):
    model.train()
    optimizer.zero_grad()
    loss = loss_fn(model, batch)
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 0.25)
    optimizer.step()
    return loss.item()


def evaluate(model, batches):
    model.eval()
    with torch.no_grad():
        total = sum(loss_fn(model, b).item() for b in batches)
    return total / len(batches)
