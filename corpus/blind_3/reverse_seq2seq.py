"""Reversing strings: GRU encoder and decoder with an optimizer each and padded sources."""

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence

PAD, BOS, EOS, VOCAB, LONGEST = 0, 1, 2, 9, 6


def strings(n, seed):
    g = torch.Generator().manual_seed(seed)
    lengths = torch.randint(3, LONGEST + 1, (n,), generator=g)
    lengths[0] = LONGEST
    src = torch.zeros(n, LONGEST, dtype=torch.long)
    out = torch.zeros(n, LONGEST + 2, dtype=torch.long)
    for i, m in enumerate(lengths.tolist()):
        word = torch.randint(3, VOCAB, (m,), generator=g)
        src[i, :m] = word
        out[i, 0], out[i, 1 : m + 1], out[i, m + 1] = BOS, word.flip(0), EOS
    return {"src": src, "lengths": lengths, "out": out}


class Encoder(nn.Module):
    def __init__(self, dim, hidden):
        super().__init__()
        self.embed = nn.Embedding(VOCAB, dim, padding_idx=PAD)
        self.rnn = nn.GRU(dim, hidden, batch_first=True, bidirectional=True)
        self.bridge = nn.Linear(2 * hidden, hidden)

    def forward(self, src, lengths):
        packed = pack_padded_sequence(
            self.embed(src), lengths, batch_first=True, enforce_sorted=False
        )
        _, state = self.rnn(packed)
        # BUG nopack 2: padding-leak
        #: _, state = self.rnn(self.embed(src))
        both = state.transpose(0, 1).flatten(1)
        # BUG states: view-instead-of-permute, batch-leak
        #: both = state.view(len(src), -1)
        # FINE catdirs: forward and backward state side by side
        #: both = torch.cat(list(state), dim=1)
        return torch.tanh(self.bridge(both))[None]


class Decoder(nn.Module):
    def __init__(self, dim, hidden):
        super().__init__()
        self.embed = nn.Embedding(VOCAB, dim)
        self.drop = nn.Dropout(0.1)
        self.rnn = nn.GRU(dim, hidden, batch_first=True)
        self.vocab = nn.Linear(hidden, VOCAB)

    def forward(self, tokens, state):
        x, _ = self.rnn(self.drop(self.embed(tokens)), state)
        return self.vocab(x)


class Seq2Seq(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = Encoder(12, 24)
        self.decoder = Decoder(12, 24)

    def forward(self, src, lengths, tokens):
        return self.decoder(tokens, self.encoder(src, lengths))


def loss_fn(model, batch):
    tokens, labels = batch["out"][:, :-1], batch["out"][:, 1:]
    # BUG copying: labels-not-shifted
    #: tokens, labels = batch["out"][:, :-1], batch["out"][:, :-1]
    logits = model(batch["src"], batch["lengths"], tokens)
    return nn.functional.cross_entropy(
        logits.reshape(-1, VOCAB), labels.reshape(-1), ignore_index=PAD
    )
    # FINE counted: a sum over the tokens that count
    #: total = nn.functional.cross_entropy(
    #:     logits.mT, labels, ignore_index=PAD, reduction="sum"
    #: )
    #: return total / (labels != PAD).sum()


def make_model():
    return Seq2Seq()


def make_optimizer(model):
    return {
        "encoder": torch.optim.Adam(model.encoder.parameters(), lr=5e-3),
        "decoder": torch.optim.Adam(model.decoder.parameters(), lr=5e-3),
    }


def train_step(model, optimizer, batch):
    model.train()
    for opt in optimizer.values():
        opt.zero_grad()
    # BUG half: missing-zero-grad
    #: optimizer["decoder"].zero_grad()
    loss = loss_fn(model, batch)
    loss.backward()
    for opt in optimizer.values():
        opt.step()
    return loss.item()


def evaluate(model, batches):
    model.eval()
    with torch.no_grad():
        losses = [loss_fn(model, b).item() for b in batches]
    return sum(losses) / len(losses)


batch = strings(16, 0)
val_batches = [strings(16, 77), strings(16, 78)]
