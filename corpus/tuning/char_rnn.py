"""Character model with a recurrent cell unrolled by hand."""

import torch
from torch import nn
from torch.nn import functional as F


class CharRNN(nn.Module):
    def __init__(self, vocab=10, width=24):
        super().__init__()
        self.embed = nn.Embedding(vocab, width)
        self.recur = nn.Linear(width, width)
        nn.init.orthogonal_(self.recur.weight)
        # BUG gain: exploding-gradient, nan-gradient
        #: nn.init.orthogonal_(self.recur.weight, gain=12.0)
        self.out = nn.Linear(width, vocab)
        self.register_buffer("memory", torch.zeros(width))

    def cell(self, x, h):
        return torch.tanh(x + self.recur(h))
        # BUG gain: exploding-gradient, nan-gradient
        #: return x + self.recur(h)

    def forward(self, ids):
        x = self.embed(ids)
        h = torch.zeros(len(ids), x.shape[-1])
        states = []
        for t in range(ids.shape[1]):
            h = self.cell(x[:, t], h)
            # BUG truncated: detached-graph
            #: h = self.cell(x[:, t], h.detach()).detach()
            states.append(h)
        return self.out(torch.stack(states, dim=1))
        # BUG bounded: softmax-into-cross-entropy
        #: return torch.tanh(self.out(torch.stack(states, dim=1)))
        # BUG restack: view-instead-of-permute
        #: return self.out(torch.stack(states).view(len(ids), ids.shape[1], -1))


def text(seed, n=8):
    g = torch.Generator().manual_seed(seed)
    start = torch.randint(0, 10, (n, 1), generator=g)
    return (start + 3 * torch.arange(8)) % 10


batch = text(0)
train_batches = [text(0), text(1)]
val_batches = [text(31)]


def make_model():
    return CharRNN()


def make_optimizer(model):
    return torch.optim.RMSprop(model.parameters(), lr=3e-3)


def loss_fn(model, ids):
    logits = model(ids[:, :-1])
    return F.cross_entropy(logits.reshape(-1, 10), ids[:, 1:].reshape(-1))
    # BUG identity: labels-not-shifted
    #: return F.cross_entropy(logits.reshape(-1, 10), ids[:, :-1].reshape(-1))


def train_step(model, optimizer, ids):
    loss = loss_fn(model, ids)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    # BUG running 0: graph-growth
    #: model.average = 0.9 * getattr(model, "average", 0.0) + 0.1 * loss  #!
    #: return model.average.item()
    return loss.item()


@torch.no_grad()
def evaluate(model, batches):
    return sum(loss_fn(model, ids).item() for ids in batches) / len(batches)
