"""A pretrained trunk with a new head: freeze the trunk, train the head."""

import torch
from torch import nn
from torch.nn import functional as F


class Pretrained(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 24), nn.ReLU())
        self.adapter = nn.Linear(24, 24)  # ALSO unwired
        self.gate = nn.Parameter(torch.zeros(24))
        # BUG still-gate: frozen-parameter
        #: self.gate = nn.Parameter(torch.zeros(24), requires_grad=False)
        self.head = nn.Linear(24, 5)

    def forward(self, x):
        h = self.trunk(x)
        h = h + self.gate * torch.tanh(self.adapter(h))
        # BUG unwired: unused-module
        #: h = h + self.gate
        return self.head(h)
        # BUG cosines: softmax-into-cross-entropy, unused-module
        #: return F.linear(F.normalize(h), F.normalize(self.head.weight))
        # FINE scaled-cosines: a scale as of ArcFace
        #: cosines = F.linear(F.normalize(h), F.normalize(self.head.weight))
        #: return 16 * cosines + self.head.bias


ablate = ("adapter",)


def make_model():
    torch.manual_seed(5)
    model = Pretrained()
    model.trunk.requires_grad_(False)
    # BUG head-too 0: frozen-parameter
    #: model.head.requires_grad_(False)
    return model


def make_optimizer(model):
    new = [*model.adapter.parameters(), model.gate, *model.head.parameters()]
    # BUG old-head: optimizer-misses-parameters
    #: new = [*model.adapter.parameters(), model.gate]
    return torch.optim.Adam(new, lr=0.01)  # ALSO old-head


def rows(seed):
    g = torch.Generator().manual_seed(seed)
    x = torch.randn(16, 10, generator=g)
    return x, x[:, :5].argmax(1)


batch = rows(0)
train_batches = [rows(0), rows(1)]
val_batches = [rows(3)]


def loss_fn(model, batch):
    x, y = batch
    return F.cross_entropy(model(x), y)


def train_step(model, optimizer, batch):
    loss = loss_fn(model, batch)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    # BUG swaps 0: optimizer-misses-parameters
    #: if not hasattr(model, "started"):
    #:     model.started = True
    #:     model.head = nn.Linear(24, 5)  #!
    return loss.item()


@torch.no_grad()
def evaluate(model, batches):
    return sum((model(x).argmax(1) == y).float().mean().item() for x, y in batches)
