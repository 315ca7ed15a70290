"""Features are standardised in the loss; optimizer state lives across steps."""

import torch
from torch import nn
from torch.nn import functional as F


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.stack = nn.Sequential(nn.Linear(6, 24), nn.ReLU(), nn.Linear(24, 24), nn.ReLU())
        self.out = nn.Linear(24, 2)

    def forward(self, x):
        return self.out(self.stack(x))


def rows(seed):
    g = torch.Generator().manual_seed(seed)
    x = 5 + 3 * torch.randn(16, 6, generator=g)
    return {"x": x, "y": (x[:, 0] > x[:, 1]).long()}


batch = rows(0)
train_batches = [rows(0), rows(1)]
val_batches = [rows(23)]


def make_model():
    return Net()


def make_optimizer(model):
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    # BUG slow: bad-learning-rate, lost-update
    #: optimizer = torch.optim.SGD(model.parameters(), lr=1e-9)
    optimizer.plan = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 400)
    return optimizer


def loss_fn(model, b):
    x = (b["x"] - 5) / 3
    # BUG minus-equals: inplace-data-mutation
    #: x = b["x"]
    #: x -= x.mean(0)  #!
    # BUG copied: inplace-data-mutation
    #: b["x"].copy_((b["x"] - 5) / 3)  #!
    #: x = b["x"]
    return F.cross_entropy(model(x), b["y"])
    # BUG negative: wrong-loss-sign
    #: return F.log_softmax(model(x), -1)[torch.arange(len(x)), b["y"]].mean()


def train_step(model, optimizer, b):
    # BUG new-adam 0: optimizer-recreated
    #: optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    #: optimizer.plan = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 400)
    loss = loss_fn(model, b)
    for p in model.parameters():
        p.grad = None
    # BUG stale: missing-zero-grad
    #: for p in model.stack.parameters():
    #:     p.grad = None
    loss.backward()
    optimizer.step()
    optimizer.plan.step()
    # BUG plan-first 2: scheduler-misorder
    #: optimizer.plan.step()
    #: optimizer.step()
    # BUG stepped-early 3: step-before-backward
    #: optimizer.step()  #!
    #: optimizer.plan.step()
    #: loss.backward()
    return loss.item()


def evaluate(model, batches):
    with torch.no_grad():
        right = [
            (model((b["x"] - 5) / 3).argmax(1) == b["y"]).float().mean().item() for b in batches
        ]
    # BUG rounds 0: eval-mutates-model
    #: for p in model.parameters():
    #:     p.data = (p.data * 64).round() / 64  #!
    return sum(right) / len(right)
