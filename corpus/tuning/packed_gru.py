"""Variable-length sequences packed for a GRU, last state into a head."""

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(20, 12, padding_idx=0)
        self.gru = nn.GRU(12, 16, batch_first=True)
        self.head = nn.Linear(16, 4)

    def forward(self, ids, lengths):
        packed = pack_padded_sequence(
            self.embed(ids), lengths, batch_first=True, enforce_sorted=False
        )
        _, last = self.gru(packed)
        return self.head(last.squeeze(0))


def sequences(seed, n=10, t=7):
    g = torch.Generator().manual_seed(seed)
    lengths = torch.randint(2, t + 1, (n,), generator=g)
    mask = torch.arange(t) < lengths[:, None]
    ids = torch.randint(1, 20, (n, t), generator=g) * mask
    last = ids.gather(1, lengths[:, None] - 1).squeeze(1)
    return {"ids": ids, "lengths": lengths, "label": last % 4}


batch = sequences(0)
train_batches = [sequences(0), sequences(1)]
val_batches = [sequences(70)]


def make_model():
    return Classifier()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=0.01)


def loss_fn(model, b):
    return F.cross_entropy(model(b["ids"], b["lengths"]), b["label"])


def train_step(model, optimizer, b):
    optimizer.zero_grad()
    loss = loss_fn(model, b)
    loss.backward()
    optimizer.step()
    return loss.item()


@torch.no_grad()
def evaluate(model, batches):
    return sum(
        (model(b["ids"], b["lengths"]).argmax(1) == b["label"]).float().mean().item()
        for b in batches
    ) / len(batches)
