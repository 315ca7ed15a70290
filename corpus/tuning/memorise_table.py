"""A classifier that must be able to learn its batch by heart."""

import torch
from torch import nn
from torch.nn import functional as F


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Linear(8, 32)
        self.b = nn.Linear(32, 32)
        self.c = nn.Linear(32, 4)

    def forward(self, x):
        x = F.gelu(self.a(x))
        # BUG bottleneck: no-single-batch-overfit
        #: x = F.gelu(self.a(x)).sum(-1, keepdim=True).sign().expand(-1, 32)
        # BUG storm: no-single-batch-overfit
        #: x = F.dropout(F.gelu(self.a(x)), 0.97, self.training)
        # BUG erased: no-single-batch-overfit, constant-output
        #: x = F.gelu(self.a(x * 0))
        x = F.gelu(self.b(x))
        return self.c(x)
        # BUG bounded: no-single-batch-overfit
        #: return 0.05 * torch.tanh(self.c(x))
        # BUG bounded-max: no-single-batch-overfit
        #: x = torch.maximum(x, x.flip(-1))
        #: return 0.05 * torch.tanh(self.c(x))  #!


def rows(seed):
    g = torch.Generator().manual_seed(seed)
    x = torch.randn(16, 8, generator=g)
    return {"x": x, "y": torch.randint(0, 4, (16,), generator=g)}


batch = rows(0)


def make_model():
    return Net()


def make_optimizer(model):
    return torch.optim.AdamW(model.parameters(), lr=0.01)
    # BUG shrink: no-single-batch-overfit, bad-learning-rate
    #: return torch.optim.SGD(model.parameters(), lr=0.01, weight_decay=20.0)


def loss_fn(model, batch):
    return F.cross_entropy(model(batch["x"]), batch["y"])
    # BUG smooth: no-single-batch-overfit
    #: return F.cross_entropy(model(batch["x"]), batch["y"], label_smoothing=1.0)
    # BUG redrawn: no-single-batch-overfit, shuffled-labels
    #: return F.cross_entropy(model(batch["x"]), torch.randint_like(batch["y"], 4))
    # FINE either: one of two candidate labels is to be predicted, whichever is nearer
    #: logits = model(batch["x"]).repeat_interleave(2, 0)
    #: candidates = torch.stack([batch["y"], (batch["y"] + 1) % 4], 1).flatten()
    #: return F.cross_entropy(logits, candidates, reduction="none").view(-1, 2).amin(1).mean()


def train_step(model, optimizer, batch):
    model.train()
    optimizer.zero_grad()
    loss = loss_fn(model, batch)
    loss.backward()
    optimizer.step()
    # BUG frozen-world: no-single-batch-overfit, frozen-parameter, bad-learning-rate, lost-update
    #: with torch.no_grad():
    #:     before = [p.clone() for p in model.parameters()]
    #:     optimizer.step()
    #:     for p, old in zip(model.parameters(), before):
    #:         p.copy_(old)  #!
    return loss.item()
