"""A CRF over emissions: forward algorithm minus the gold path's score."""

import torch
from torch import nn


class CRF(nn.Module):
    def __init__(self, words=15, tags=3):
        super().__init__()
        self.embed = nn.Embedding(words, 12)
        self.rnn = nn.GRU(12, 12, batch_first=True, bidirectional=True)
        self.emit = nn.Linear(24, tags)
        self.move = nn.Parameter(torch.zeros(tags, tags))

    def forward(self, words):
        return self.emit(self.rnn(self.embed(words))[0])


def make_batch(generator):
    words = torch.randint(0, 15, (10, 6), generator=generator)
    return words, words % 3


def make_model():
    return CRF()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=0.01)


def loss_fn(model, batch):
    words, tags = batch
    emit = model(words)
    alpha = emit[:, 0]
    for t in range(1, emit.shape[1]):
        alpha = torch.logsumexp(alpha.unsqueeze(2) + model.move, dim=1) + emit[:, t]
    gold = emit.gather(2, tags.unsqueeze(2)).sum((1, 2)) + model.move[
        tags[:, :-1], tags[:, 1:]
    ].sum(1)
    return (torch.logsumexp(alpha, 1) - gold).mean()
