"""Sequence to sequence with a time-major LSTM encoder and additive attention."""

import torch
import torch.nn.functional as F
from torch import nn

PAD = 0


class Encoder(nn.Module):
    def __init__(self, vocab=16, width=16):
        super().__init__()
        self.embed = nn.Embedding(vocab, width, padding_idx=PAD)
        self.rnn = nn.LSTM(width, width)

    def forward(self, source):
        states, last = self.rnn(self.embed(source).transpose(0, 1))
        return states.transpose(0, 1), last
        # BUG timeview: view-instead-of-permute
        #: batch, steps = source.shape
        #: return states.contiguous().view(batch, steps, -1), last  #!


class Decoder(nn.Module):
    def __init__(self, vocab=16, width=16):
        super().__init__()
        self.embed = nn.Embedding(vocab, width, padding_idx=PAD)
        self.cell = nn.LSTM(width, width, batch_first=True)
        self.query = nn.Linear(width, width, bias=False)
        self.key = nn.Linear(width, width, bias=False)
        self.energy = nn.Linear(width, 1, bias=False)
        self.out = nn.Linear(2 * width, vocab)

    def forward(self, previous, memory, mask, state):
        hidden, _ = self.cell(self.embed(previous), state)
        energy = self.energy(
            torch.tanh(self.query(hidden).unsqueeze(2) + self.key(memory).unsqueeze(1))
        ).squeeze(-1)
        energy = energy.masked_fill(~mask.unsqueeze(1), -1e9)
        # BUG unmasked: padding-leak
        weight = energy.softmax(dim=2)
        # BUG axis: wrong-softmax-dim
        #: weight = energy.softmax(dim=1)
        context = torch.bmm(weight, memory)
        return self.out(torch.cat([hidden, context], dim=-1))


class Translator(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = Encoder()
        self.decoder = Decoder()

    def forward(self, source, mask, previous):
        lengths = mask.sum(1)
        memory, _ = self.encoder(source)
        final = memory[torch.arange(len(source)), lengths - 1].unsqueeze(0)
        return self.decoder(previous, memory, mask, (final, torch.zeros_like(final)))


def pairs(seed, n=10, steps=7):
    g = torch.Generator().manual_seed(seed)
    lengths = torch.randint(3, steps + 1, (n,), generator=g)
    mask = torch.arange(steps) < lengths[:, None]
    source = torch.randint(3, 16, (n, steps), generator=g).masked_fill(~mask, PAD)
    target = torch.where(mask, 18 - source, PAD)
    previous = torch.cat([torch.ones(n, 1, dtype=torch.long), target[:, :-1]], dim=1)
    return {"source": source, "mask": mask, "previous": previous, "target": target}


batch = pairs(0)
train_batches = [pairs(0), pairs(1)]
val_batches = [pairs(40)]


def make_model():
    return Translator()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=0.01)


def loss_fn(model, batch):
    logits = model(batch["source"], batch["mask"], batch["previous"])
    return F.cross_entropy(logits.transpose(1, 2), batch["target"], ignore_index=PAD)


def train_step(model, optimizer, batch):
    model.train()
    optimizer.zero_grad()
    loss = loss_fn(model, batch)
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 5.0)
    optimizer.step()
    return loss.item()


@torch.no_grad()
def evaluate(model, batches):
    model.eval()
    right = total = 0
    for b in batches:
        guess = model(b["source"], b["mask"], b["previous"]).argmax(-1)
        right += ((guess == b["target"]) & b["mask"]).sum().item()
        total += b["mask"].sum().item()
    return right / total
