"""Reversing digit strings: GRU encoder, GRU decoder with dot attention, teacher forcing."""

import torch
from torch import nn
from torch.nn import functional as F

VOCAB, BOS = 12, 11


class Encoder(nn.Module):
    def __init__(self, size=20):
        super().__init__()
        self.embed = nn.Embedding(VOCAB, size)
        self.gru = nn.GRU(size, size, batch_first=True)

    def forward(self, source):
        return self.gru(self.embed(source))


class Decoder(nn.Module):
    def __init__(self, size=20):
        super().__init__()
        self.embed = nn.Embedding(VOCAB, size)
        self.cell = nn.GRU(size, size, batch_first=True)
        self.readout = nn.Linear(2 * size, VOCAB)

    def forward(self, inputs, memory, hidden):
        states, hidden = self.cell(self.embed(inputs), hidden)
        weights = torch.softmax(states @ memory.mT, dim=-1)
        # BUG over-queries: wrong-softmax-dim
        #: weights = torch.softmax(states @ memory.mT, dim=1)
        # BUG over-batch: wrong-softmax-dim, batch-leak
        #: weights = torch.softmax(states @ memory.mT, dim=0)
        context = weights @ memory
        return self.readout(torch.cat((states, context), dim=-1)), hidden


class Translator(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = Encoder()
        self.decoder = Decoder()

    def forward(self, source, target):
        memory, hidden = self.encoder(source)
        # BUG no-grad-encoder: detached-graph
        #: with torch.no_grad():
        #:     memory, hidden = self.encoder(source)  #!
        start = torch.full_like(target[:, :1], BOS)
        inputs = torch.cat([start, target[:, :-1]], dim=1)
        # BUG feeds-answer 2: labels-not-shifted, causal-leak
        #: inputs = target
        logits, _ = self.decoder(inputs, memory, hidden)
        return logits


def dates(seed, n=16, t=7):
    g = torch.Generator().manual_seed(seed)
    digits = torch.randint(0, 10, (n, t), generator=g)
    return digits, digits.flip(1)


batch = dates(0)
train_batches = [dates(0), dates(1)]
val_batches = [dates(77)]


def make_model():
    return Translator()


def make_optimizer(model):
    return {
        "encoder": torch.optim.Adam(model.encoder.parameters(), lr=0.01),
        "decoder": torch.optim.Adam(model.decoder.parameters(), lr=0.01),
    }


def loss_fn(model, batch):
    source, target = batch
    logits = model(source, target)
    return F.cross_entropy(logits.permute(0, 2, 1), target)
    # FINE summed-per-sentence: sum over time and mean over sentences
    #: each = F.cross_entropy(logits.permute(0, 2, 1), target, reduction="none")
    #: return each.sum(1).mean()


def train_step(model, optimizers, batch):
    model.train()
    for optimizer in optimizers.values():
        optimizer.zero_grad()
    # BUG one-of-two: missing-zero-grad
    #: optimizers["decoder"].zero_grad()
    loss = loss_fn(model, batch)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 0.1)
    # BUG clip-early 2: clip-misorder
    #: torch.nn.utils.clip_grad_norm_(model.parameters(), 0.1)  #!
    #: loss.backward()
    for optimizer in optimizers.values():
        optimizer.step()
    return loss.item()


def evaluate(model, batches):
    model.eval()
    with torch.no_grad():
        scores = [(model(s, t).argmax(-1) == t).float().mean().item() for s, t in batches]
    return sum(scores) / len(scores)
