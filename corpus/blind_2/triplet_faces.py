"""Metric learning: anchor, positive, negative, with an embedding network and batch norm."""

import torch
import torch.nn as nn


class Embedder(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(20, 32), nn.ReLU())
        self.neck = nn.Linear(32, 8, bias=False)
        # BUG neck-bias: bias-before-batchnorm
        #: self.neck = nn.Linear(32, 8)
        self.bn = nn.BatchNorm1d(8)

    def forward(self, x):
        return self.bn(self.neck(self.body(x)))
        # BUG functional-norm: missing-eval-mode, eval-mutates-model
        #: h = self.neck(self.body(x))
        #: bn = self.bn
        #: return nn.functional.batch_norm(  #!
        #:     h, bn.running_mean, bn.running_var, bn.weight, bn.bias, training=True  #!
        #: )  #!


def faces(seed, n=18):
    g = torch.Generator().manual_seed(seed)
    people = torch.randn(40, 20, generator=torch.Generator().manual_seed(11))
    who = torch.randint(0, 20, (n,), generator=g)
    other = (who + torch.randint(1, 20, (n,), generator=g)) % 40

    def shot(index):
        return people[index] + 0.5 * torch.randn(n, 20, generator=g)

    anchor = shot(who)
    positive = shot(who)
    positive[0] = anchor[0]  # a person with a single photograph is paired with itself
    return {"anchor": anchor, "positive": positive, "negative": shot(other)}


batch = faces(0)
train_batches = [faces(0), faces(1)]
val_batches = [faces(30)]


def make_model():
    return Embedder()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=0.01)


def distance(a, b):
    return (a - b).square().sum(1).add(1e-6).sqrt()
    # BUG root-of-zero: nan-gradient
    #: return (a - b).square().sum(1).sqrt()
    # FINE library-norm: norm has a zero subgradient at zero
    #: return torch.linalg.vector_norm(a - b, dim=1)


def loss_fn(model, b):
    stacked = torch.cat([b["anchor"], b["positive"], b["negative"]])
    anchor, positive, negative = model(stacked).chunk(3)
    near, far = distance(anchor, positive), distance(anchor, negative)
    return (near - far + 4.0).clamp(min=0).mean()
    # BUG near-far: wrong-loss-sign
    #: return (far - near).mean()
    # FINE soft-margin: the smooth form of the triplet loss
    #: return nn.functional.softplus(near - far).mean()


def train_step(model, optimizer, b):
    optimizer.zero_grad()
    loss = loss_fn(model, b)
    loss.backward()
    # BUG keeps 3: missing-zero-grad
    #: loss = loss_fn(model, b)
    #: loss.backward()
    #: if not torch.isfinite(loss):
    #:     optimizer.zero_grad()
    optimizer.step()
    return loss.item()


def evaluate(model, batches):
    model.eval()
    # BUG with-batch-statistics: missing-eval-mode
    better = []
    with torch.no_grad():
        for b in batches:
            e = {k: model(v) for k, v in b.items()}
            near = distance(e["anchor"], e["positive"])
            better.append((near < distance(e["anchor"], e["negative"])).float().mean().item())
    model.train()
    # BUG half-back: missing-train-mode
    #: model.body.train()
    return sum(better) / len(better)
