"""Part-of-speech style tagging; the LSTM runs time first, the data are batch first."""

from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import nn

WORDS, TAGS, LENGTH = 20, 4, 9


def sentences(n, seed):
    g = torch.Generator().manual_seed(seed)
    words = torch.randint(WORDS, (n, LENGTH), generator=g)
    previous = torch.cat([torch.zeros(n, 1, dtype=torch.long), words[:, :-1]], dim=1)
    return {"words": words, "tags": (words // 5 + (previous > 9)) % TAGS}


class Tagger(nn.Module):
    def __init__(self, dim=16, hidden=20):
        super().__init__()
        self.embed = nn.Embedding(WORDS, dim)
        self.lstm = nn.LSTM(dim, hidden, bidirectional=True)
        self.norm = nn.BatchNorm1d(2 * hidden)
        self.out = nn.Linear(2 * hidden, TAGS)
        self.p = 0.1

    def forward(self, words):
        n, t = words.shape
        x = self.embed(words).transpose(0, 1)
        h, _ = self.lstm(x)
        h = self.norm(h.flatten(0, 1)).view(t, n, -1)
        h = F.dropout(h, self.p, training=self.training)
        return F.log_softmax(self.out(h), dim=-1).transpose(0, 1)


def loss_fn(model, batch):
    log_probs = model(batch["words"])
    return F.nll_loss(log_probs.transpose(0, 1).reshape(-1, TAGS), batch["tags"].t().reshape(-1))


@contextmanager
def evaluating(model):
    training = model.training
    model.eval()
    try:
        yield model
    finally:
        model.train(training)


def make_model():
    return Tagger()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=1e-2)


def train_step(model, optimizer, batch):
    optimizer.zero_grad()
    loss = loss_fn(model, batch)
    loss.backward()
    optimizer.step()
    return loss.item()


def evaluate(model, batches):
    with evaluating(model), torch.no_grad():
        right = [(model(b["words"]).argmax(-1) == b["tags"]).float().mean() for b in batches]
    return float(sum(right) / len(right))


batch = sentences(9, 0)
val_batches = [sentences(9, 7), sentences(9, 8)]
