"""Bidirectional LSTM tagger over packed sequences of unsorted lengths; loss over valid positions only."""

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

g = torch.Generator().manual_seed(10)


def draw(n=8, t=8):
    lengths = torch.randint(3, t + 1, (n,), generator=g)
    lengths[0] = t
    ids = torch.randint(1, 8, (n, t), generator=g)
    valid = torch.arange(t)[None] < lengths[:, None]
    ids = ids * valid
    # tag: is the NEXT token larger than the previous one (needs both directions)
    nxt = torch.cat([ids[:, 1:], torch.zeros(n, 1, dtype=torch.long)], 1)
    prv = torch.cat([torch.zeros(n, 1, dtype=torch.long), ids[:, :-1]], 1)
    return ids, lengths, (nxt > prv).long()


batch = draw()
val_batches = [draw(), draw()]


class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = nn.Embedding(8, 8, padding_idx=0)
        self.lstm = nn.LSTM(8, 16, bidirectional=True, batch_first=True)
        self.out = nn.Linear(32, 2)

    def forward(self, ids, lengths):
        packed = pack_padded_sequence(
            self.emb(ids), lengths, batch_first=True, enforce_sorted=False
        )
        h, _ = pad_packed_sequence(
            self.lstm(packed)[0], batch_first=True, total_length=ids.shape[1]
        )
        return self.out(h)


def make_model():
    return Tagger()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=2e-2)


def loss_fn(model, batch):
    ids, lengths, tags = batch
    valid = torch.arange(ids.shape[1])[None] < lengths[:, None]
    return F.cross_entropy(model(ids, lengths)[valid], tags[valid])


def train_step(model, optimizer, batch):
    optimizer.zero_grad()
    loss = loss_fn(model, batch)
    loss.backward()
    optimizer.step()
    return loss


@torch.no_grad()
def evaluate(model, batches):
    hits = total = 0
    for ids, lengths, tags in batches:
        valid = ids != 0
        hits += (model(ids, lengths).argmax(-1)[valid] == tags[valid]).sum().item()
        total += valid.sum().item()
    return hits / total
