"""Rare defaults: tabular classifier with batch norm and a shared base class."""

import torch
from torch import nn
from torch.nn import functional as F


class Base(nn.Module):
    widths = (9, 24, 16)
    bias = False
    # BUG inherited: bias-before-batchnorm
    #: bias = True

    def __init__(self):
        super().__init__()
        layers = []
        for a, b in zip(self.widths, self.widths[1:]):
            layers += [
                nn.Linear(a, b, bias=self.bias),
                nn.BatchNorm1d(b),
                nn.ReLU(),
            ]  # ALSO inherited
        self.body = nn.Sequential(*layers)


class Default(Base):
    def __init__(self):
        super().__init__()
        self.score = nn.Linear(16, 1)
        # BUG biasless: missing-output-bias
        #: self.score = nn.Linear(16, 1, bias=False)
        # BUG biasless-classes: missing-output-bias
        #: self.score = nn.Linear(16, 1, bias=False)  #!
        nn.init.constant_(self.score.bias, -2.2)
        # BUG biasless: missing-output-bias
        # BUG biasless-classes: missing-output-bias

    def forward(self, x):
        return self.score(self.body(x)).squeeze(-1)


def loans(seed, n=24):
    g = torch.Generator().manual_seed(seed)
    x = torch.randn(n, 9, generator=g)
    bad = torch.zeros(n)
    bad[x[:, 0].topk(2).indices] = 1.0
    return {"x": x, "bad": bad}


batch = loans(0)
train_batches = [loans(s) for s in range(3)]
val_batches = [loans(40)]


def make_model():
    return Default()


def make_optimizer(model):
    return torch.optim.Adam(model.parameters(), lr=5e-3)


def loss_fn(model, batch):
    return F.binary_cross_entropy_with_logits(model(batch["x"]), batch["bad"])
    # BUG tanh-prob: sigmoid-into-bce-with-logits
    #: chance = (torch.tanh(model(batch["x"])) + 1) / 2
    #: return F.binary_cross_entropy_with_logits(chance, batch["bad"])  #!
    # BUG biasless-classes: missing-output-bias
    #: score, bad = model(batch["x"]), batch["bad"] == 1
    #: good = F.binary_cross_entropy_with_logits(score[~bad], torch.zeros(int((~bad).sum())))
    #: lost = F.binary_cross_entropy_with_logits(score[bad], torch.ones(int(bad.sum())))
    #: return good + 0.1 * lost


def train_step(model, optimizer, batch):
    loss = loss_fn(model, batch)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.item()


def evaluate(model, batches):
    mode = model.training
    model.eval()
    # BUG train-mode: missing-eval-mode, eval-mutates-model
    #: model.train()
    with torch.no_grad():
        loss = [loss_fn(model, b).item() for b in batches]
    model.train(mode)
    # BUG body-lost: missing-train-mode
    #: model.score.train(mode)
    return sum(loss) / len(loss)
