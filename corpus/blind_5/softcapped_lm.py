"""A convolutional language model whose logits are soft-capped at 30, plus a z-loss."""

import torch
import torch.nn.functional as F
from torch import nn

VOCAB, CAP = 20, 30.0
g = torch.Generator().manual_seed(2402)
bigram = torch.randn(VOCAB, VOCAB, generator=g).mul(3).softmax(-1)


def text(n=16, t=24):
    ids = [torch.randint(0, VOCAB, (n,), generator=g)]
    for _ in range(t):
        ids.append(torch.multinomial(bigram[ids[-1]], 1, generator=g).squeeze(1))
    return torch.stack(ids, 1)


train_batches = [text() for _ in range(8)]
batch = train_batches[0]
val_batches = [text(32)]


class GatedConv(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.conv = nn.Conv1d(c, 2 * c, 3, padding=2)

    def forward(self, x):
        y = self.conv(x)[..., : x.shape[-1]]  # drops what looks ahead
        return x + F.glu(y, dim=1)


class ConvLM(nn.Module):
    def __init__(self, c=32):
        super().__init__()
        self.emb = nn.Embedding(VOCAB, c)
        self.layers = nn.Sequential(GatedConv(c), GatedConv(c))
        self.out = nn.Linear(c, VOCAB)

    def forward(self, ids):
        h = self.layers(self.emb(ids).transpose(1, 2)).transpose(1, 2)
        logits = self.out(h)
        return CAP * torch.tanh(logits / CAP)
        # FINE uncapped: plain logits
        #: return logits
        # BUG capped-at-one: softmax-into-cross-entropy
        #: return torch.tanh(logits)


def make_model():
    return ConvLM()


def make_optimizer(model):
    return torch.optim.AdamW(model.parameters(), lr=5e-3)


def loss_fn(model, batch):
    logits = model(batch[:, :-1])
    ce = F.cross_entropy(logits.transpose(1, 2), batch[:, 1:])
    return ce + 1e-4 * logits.logsumexp(-1).square().mean()


@torch.no_grad()
def evaluate(model, batches):
    nll = [F.cross_entropy(model(b[:, :-1]).transpose(1, 2), b[:, 1:]).item() for b in batches]
    return sum(nll) / len(nll)
