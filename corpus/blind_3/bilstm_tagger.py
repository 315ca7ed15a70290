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
        # BUG firstview: view-instead-of-permute, batch-leak
        #: x = self.embed(words).view(t, n, -1)
        h, _ = self.lstm(x)
        h = self.norm(h.flatten(0, 1)).view(t, n, -1)
        h = F.dropout(h, self.p, training=self.training)
        # BUG alwayson: missing-eval-mode
        #: h = F.dropout(h, self.p, training=True)
        return F.log_softmax(self.out(h), dim=-1).transpose(0, 1)
        # BUG backview: view-instead-of-permute, batch-leak, shuffled-labels
        #: return F.log_softmax(self.out(h), dim=-1).reshape(n, t, -1)
        # BUG nolog: logits-into-nll
        #: return self.out(h).transpose(0, 1)


def loss_fn(model, batch):
    log_probs = model(batch["words"])
    return F.nll_loss(log_probs.reshape(-1, TAGS), batch["tags"].reshape(-1))  # ALSO nolog
    # FINE bothways: both sides are laid out time first
    #: return F.nll_loss(log_probs.transpose(0, 1).reshape(-1, TAGS), batch["tags"].t().reshape(-1))


@contextmanager
def evaluating(model):
    training = model.training
    model.eval()
    try:
        yield model
    finally:
        model.train(training)
        # BUG rootonly: missing-train-mode
        #: model.training = training


def make_model():
    return Tagger()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=1e-2)


def train_step(model, optimizer, batch):
    optimizer.zero_grad()
    loss = loss_fn(model, batch)
    # BUG retensor: no-single-batch-overfit, detached-graph
    #: loss = torch.tensor(loss_fn(model, batch).item(), requires_grad=True)
    loss.backward()
    optimizer.step()
    return loss.item()


def evaluate(model, batches):
    with evaluating(model), torch.no_grad():
        right = [(model(b["words"]).argmax(-1) == b["tags"]).float().mean() for b in batches]
    return float(sum(right) / len(right))


batch = sentences(9, 0)
val_batches = [sentences(9, 7), sentences(9, 8)]
