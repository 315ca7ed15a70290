"""Species from raw measurements, normalised by the network's first layer, and the island."""

import torch
from torch import nn
from torch.nn import functional as F


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = nn.BatchNorm1d(6)
        # BUG forgetful: not-above-trivial
        #: self.scale = nn.BatchNorm1d(6, momentum=0.0)
        self.body = nn.Sequential(nn.Linear(6 + 3, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU())
        self.head = nn.Linear(32, 3)

    def forward(self, measured, island):
        return self.head(self.body(torch.cat([self.scale(measured), island], dim=1)))
        # BUG softsigned: softmax-into-cross-entropy
        #: logits = self.head(self.body(torch.cat([self.scale(measured), island], dim=1)))
        #: return logits / (1 + logits.abs())  #!
        # FINE squashed-features: a tanh with a layer after it
        #: h = self.body(torch.cat([self.scale(measured), island], dim=1))
        #: return self.head(torch.tanh(h))


def birds(seed, n=24):
    g = torch.Generator().manual_seed(seed)
    species = torch.arange(n) % 3
    usual = torch.tensor(
        [[3700.0, 190, 38, 18, 9, -26], [4100, 200, 48, 18, 9, -24], [5000, 217, 47, 15, 8, -26]]
    )
    spread = torch.tensor([450.0, 7, 3, 1, 0.4, 0.6])
    measured = usual[species] + spread * torch.randn(n, 6, generator=g)
    island = F.one_hot((species + torch.randint(0, 2, (n,), generator=g)) % 3, 3).float()
    return {"measured": measured, "island": island, "species": species}


batch = birds(0)
train_batches = [birds(0), birds(1)]
val_batches = [birds(7)]


def make_model():
    return Net()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=0.01)


def loss_fn(model, b):
    logits = model(b["measured"], b["island"])
    # BUG told: learns-shuffled-labels
    #: logits = model(b["measured"], F.one_hot(b["species"], 3).float())
    return F.cross_entropy(logits, b["species"])


def train_step(model, optimizer, b):
    model.train()
    optimizer.zero_grad()
    loss = loss_fn(model, b)
    loss.backward()
    optimizer.step()
    return loss.item()
