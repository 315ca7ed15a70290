"""A recurrent character model that carries its hidden state over chunks of a text."""

import torch
from torch import nn
from torch.nn import functional as F


class CharModel(nn.Module):
    def __init__(self, chars=10, size=20):
        super().__init__()
        self.embed = nn.Embedding(chars, size)
        self.rnn = nn.GRU(size, size, batch_first=True)
        # BUG axes: batch-leak
        #: self.rnn = nn.GRU(size, size)
        self.drop = nn.Dropout(0.1)
        self.decode = nn.Linear(size, chars)

    def forward(self, ids, state=None):
        h, state = self.rnn(self.embed(ids), state)
        return self.decode(self.drop(h)), state
        # BUG softmaxed: softmax-into-cross-entropy, double-softmax
        #: return F.softmax(self.decode(self.drop(h)), -1), state
        # FINE log-softmax-out: log-probabilities, the loss below is nll
        #: return F.log_softmax(self.decode(self.drop(h)), -1), state


def text(seed, n=10, t=14):
    g = torch.Generator().manual_seed(seed)
    first = torch.randint(0, 10, (n, 1), generator=g)
    stride = torch.randint(1, 4, (n, 1), generator=g)
    return (first + stride * torch.arange(t + 1)) % 10


batch = text(0)
train_batches = [text(0), text(1)]


def make_model():
    return CharModel()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=0.01)


def chunk_loss(model, ids, state):
    logits, state = model(ids[:, :-1], state)
    return F.cross_entropy(logits.transpose(1, 2), ids[:, 1:]), state
    # BUG unshifted 2: labels-not-shifted
    #: logits, state = model(ids, state)
    #: return F.cross_entropy(logits.transpose(1, 2), ids), state  #!
    # BUG class-view: view-instead-of-permute
    #: return F.cross_entropy(logits.view(len(ids), 10, -1), ids[:, 1:]), state
    # FINE log-softmax-out: the half of cross entropy that is left
    #: return F.nll_loss(logits.transpose(1, 2), ids[:, 1:]), state


def loss_fn(model, ids):
    return chunk_loss(model, ids, None)[0]


def train_step(model, optimizer, ids):
    model.train()
    # BUG seeds-step 0: rng-reset
    #: torch.manual_seed(1234)
    state, total = None, 0.0
    for ids in (ids[:, :8], ids[:, 7:]):
        optimizer.zero_grad()
        # BUG kept: missing-zero-grad
        loss, state = chunk_loss(model, ids, state)
        loss.backward()
        optimizer.step()
        state = state.detach()
        total += loss.item()
    return total / 2
    # FINE one-chunk 3: the whole text at once
    #: loss = loss_fn(model, ids)
    #: optimizer.zero_grad()
    #: loss.backward()
    #: optimizer.step()
    #: return loss.item()


def evaluate(model, batches):
    model.eval()
    # BUG drop-only: missing-eval-mode
    #: model.rnn.eval()
    with torch.no_grad():
        return -sum(loss_fn(model, ids).item() for ids in batches) / len(batches)
