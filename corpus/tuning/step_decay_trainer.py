"""A Trainer-like object keeps optimizer, scheduler and counters together."""

import torch
from torch import nn
from torch.nn import functional as F


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(7, 24)
        self.batch_norm = nn.BatchNorm1d(24, affine=False)
        self.out = nn.Linear(24, 2)

    def forward(self, x):
        return self.out(self.batch_norm(torch.relu(self.hidden(x))))


class Trainer:
    def __init__(self, model):
        self.model = model
        self.optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
        # BUG steep: bad-learning-rate, nan-gradient, exploding-gradient
        #: self.optimizer = torch.optim.SGD(model.parameters(), lr=1e4, momentum=0.9)
        self.scheduler = torch.optim.lr_scheduler.StepLR(self.optimizer, 3, 0.9)

    def update(self, loss):
        self.optimizer.zero_grad()
        # BUG forgotten: missing-zero-grad
        loss.backward()
        self.optimizer.step()
        self.scheduler.step()
        # BUG before 2: scheduler-misorder
        #: self.scheduler.step()
        #: self.optimizer.step()
        # BUG inverted 3: step-before-backward
        #: self.optimizer.step()  #!
        #: self.scheduler.step()
        #: loss.backward()


def make_model():
    return Net()


def make_optimizer(model):
    optimizer = Trainer(model).optimizer
    optimizer.schedule = torch.optim.lr_scheduler.StepLR(optimizer, 3, 0.9)
    return optimizer


def rows(seed):
    g = torch.Generator().manual_seed(seed)
    x = torch.randn(16, 7, generator=g)
    return x, (x[:, 0] > x[:, 1]).long()


batch = rows(0)
train_batches = [rows(0), rows(1)]
val_batches = [rows(6), rows(7)]


def loss_fn(model, batch):
    return F.cross_entropy(model(batch[0]), batch[1])


def train_step(model, optimizer, batch):
    model.train()
    trainer = Trainer.__new__(Trainer)
    trainer.optimizer, trainer.scheduler = optimizer, optimizer.schedule
    # BUG renewed: optimizer-recreated
    #: trainer = Trainer(model)  #!
    loss = loss_fn(model, batch)
    trainer.update(loss)
    return loss.item()


def evaluate(model, batches):
    was = model.training
    model.train(False)
    # BUG skipped: missing-eval-mode, eval-mutates-model
    with torch.no_grad():
        rates = [(model(x).argmax(1) == y).float().mean().item() for x, y in batches]
    model.train(was)
    return sum(rates) / len(rates)
