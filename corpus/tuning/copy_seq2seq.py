"""GRU encoder and decoder that learn to reverse short sequences."""

import torch
from torch import nn
from torch.nn import functional as F

PAD, BOS = 0, 1


class Seq2Seq(nn.Module):
    def __init__(self, vocab=12, width=24):
        super().__init__()
        self.source_embedding = nn.Embedding(vocab, width, padding_idx=PAD)
        self.target_embedding = nn.Embedding(vocab, width, padding_idx=PAD)
        self.encoder = nn.GRU(width, width, batch_first=True)
        self.decoder = nn.GRU(width, width, batch_first=True)
        self.score = nn.Linear(width, width, bias=False)
        self.output = nn.Linear(2 * width, vocab)

    def forward(self, source, decoder_input):
        memory, state = self.encoder(self.source_embedding(source))
        hidden, _ = self.decoder(self.target_embedding(decoder_input), state)
        attention = torch.einsum("btw,bsw->bts", self.score(hidden), memory)
        attention = torch.softmax(attention, dim=-1)
        # BUG queries: wrong-softmax-dim
        #: attention = torch.softmax(attention, dim=1)
        # BUG examples: wrong-softmax-dim, batch-leak
        #: attention = torch.softmax(attention, dim=0)
        context = torch.einsum("bts,bsw->btw", attention, memory)
        return self.output(torch.cat((hidden, context), dim=-1))


def pairs(seed, n=10, t=5):
    g = torch.Generator().manual_seed(seed)
    source = torch.randint(2, 12, (n, t), generator=g)
    target = source.flip(1)
    begin = torch.full((n, 1), BOS)
    return {"source": source, "input": torch.cat((begin, target[:, :-1]), 1), "target": target}
    # BUG peeking: labels-not-shifted, causal-leak
    #: return {"source": source, "input": target, "target": target}


batch = pairs(0)
train_batches = [pairs(0), pairs(1)]
val_batches = [pairs(70)]


def make_model():
    return Seq2Seq()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=5e-3)
    # BUG half: optimizer-misses-parameters
    #: return torch.optim.Adam(
    #:     [*model.encoder.parameters(), *model.source_embedding.parameters()], lr=5e-3
    #: )


def loss_fn(model, batch):
    logits = model(batch["source"], batch["input"])
    return F.cross_entropy(logits.permute(0, 2, 1), batch["target"], ignore_index=PAD)
    # BUG classes: view-instead-of-permute
    #: n, t, v = logits.shape
    #: return F.cross_entropy(logits.view(n, v, t), batch["target"], ignore_index=PAD)  #!


def train_step(model, optimizer, batch):
    optimizer.zero_grad()
    loss = loss_fn(model, batch)
    loss.backward()
    nn.utils.clip_grad_value_(model.parameters(), 0.02)
    optimizer.step()
    # BUG value-clip 2: clip-misorder
    #: optimizer.step()
    #: nn.utils.clip_grad_value_(model.parameters(), 0.02)
    return loss.item()


@torch.no_grad()
def evaluate(model, batches):
    rates = []
    for b in batches:
        guess = model(b["source"], b["input"]).argmax(-1)
        rates.append((guess == b["target"]).float().mean().item())
    return sum(rates) / len(rates)
