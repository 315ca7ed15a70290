"""Two tasks on one trunk: kind of weather and temperature."""

import torch
from torch import nn
from torch.nn import functional as F


def tower(out):
    return nn.Sequential(nn.Linear(24, 24), nn.ReLU(), nn.Linear(24, out))


class Weather(nn.Module):
    def __init__(self):
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(7, 24), nn.ReLU())
        self.kind = tower(3)
        self.warmth = tower(1)
        # BUG shared-storage 0: shared-init
        #: self.warmth[0].weight.data = self.kind[0].weight.data  #!
        # BUG one-tenth 0: symmetric-init
        #: for layer in (self.trunk[0], self.kind[0], self.warmth[0]):
        #:     nn.init.constant_(layer.weight, 0.1)  #!
        #:     nn.init.zeros_(layer.bias)

    def forward(self, x):
        h = self.trunk(x)
        return {"kind": self.kind(h), "warmth": self.warmth(h).squeeze(1)}
        # BUG detached-task: detached-graph
        #: return {"kind": self.kind(h), "warmth": self.warmth(h).detach().squeeze(1)}  #!
        # BUG dead-kind: relu-on-logits
        #: return {"kind": self.kind(h).relu(), "warmth": self.warmth(h).squeeze(1)}  #!


def days(seed, n=20):
    g = torch.Generator().manual_seed(seed)
    x = torch.randn(n, 7, generator=g)
    kind = (x[:, :3] + 0.2 * torch.randn(n, 3, generator=g)).argmax(1)
    warmth = 0.5 * x[:, 3] - x[:, 4] * x[:, 5] + 0.5
    return {"x": x, "kind": kind, "warmth": warmth}


batch = days(0)
train_batches = [days(0), days(1)]
val_batches = [days(44)]


def make_model():
    return Weather()


def make_optimizer(model):
    heads = list(model.kind.parameters()) + list(model.warmth.parameters())
    return torch.optim.Adam(
        [{"params": model.trunk.parameters(), "lr": 5e-3}, {"params": heads}], lr=0.01
    )
    # BUG one-head: optimizer-misses-parameters
    #: heads = model.kind.parameters()
    #: return torch.optim.Adam([{"params": model.trunk.parameters(), "lr": 5e-3}, {"params": heads}], lr=0.01)


def loss_fn(model, b):
    out = model(b["x"])
    classification = F.cross_entropy(out["kind"], b["kind"])
    # BUG double: double-softmax, softmax-into-cross-entropy
    #: classification = nn.CrossEntropyLoss()(nn.Softmax(dim=1)(out["kind"]), b["kind"])
    regression = F.mse_loss(out["warmth"], b["warmth"])
    # BUG summed-task: loss-sum-vs-mean
    #: regression = F.mse_loss(out["warmth"], b["warmth"], reduction="sum")
    # BUG shuffled-warmth: shuffled-labels
    #: regression = F.mse_loss(out["warmth"], b["warmth"].sort().values)
    # FINE both-summed 2: every task is summed, the whole is scaled
    #: n = len(b["kind"])
    #: classification = F.cross_entropy(out["kind"], b["kind"], reduction="sum") / n
    #: regression = F.mse_loss(out["warmth"], b["warmth"], reduction="sum") / n
    return classification + 0.5 * regression
    # FINE uncertainty: each loss is divided by its own detached size
    #: return classification + 0.5 * regression / (1 + regression.detach())


def train_step(model, optimizer, b):
    model.trunk.zero_grad()
    model.kind.zero_grad()
    model.warmth.zero_grad()
    # BUG forgot-head: missing-zero-grad
    #: pass
    loss = loss_fn(model, b)
    loss.backward()
    optimizer.step()
    return loss.item()


def evaluate(model, batches):
    with torch.no_grad():
        return sum(
            (model(b["x"])["kind"].argmax(1) == b["kind"]).float().mean().item() for b in batches
        )
