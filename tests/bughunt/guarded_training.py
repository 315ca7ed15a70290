"""Training loops under a guard, with room for mistakes."""

from __future__ import annotations

import importlib

import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

from pytest_mlregress.bughunt.guards import watch


class Net(nn.Module):
    def __init__(self, out=2, dropout=0.1):
        super().__init__()
        self.first, self.last = nn.Linear(8, 16), nn.Linear(16, out)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x):
        return self.last(self.dropout(self.first(x).relu()))


def fit(
    loss_of,
    *,
    steps=6,
    before=lambda model, optimizer: optimizer.zero_grad(),
    between=lambda model, optimizer: None,
    after=lambda model, optimizer: None,
    model=None,
    optimizer_of=lambda model: torch.optim.SGD(model.parameters(), lr=0.1),
):
    """A training loop with room for mistakes."""
    torch.manual_seed(0)
    model = Net() if model is None else model
    optimizer = optimizer_of(model)
    x, y = data()
    for _ in range(steps):
        before(model, optimizer)
        loss = loss_of(model, x, y)
        loss.backward()
        between(model, optimizer)
        optimizer.step()
        after(model, optimizer)
    return model


def cross_entropy(model, x, y):
    return F.cross_entropy(model(x), y)


def watched(*arguments, **keywords):
    with watch() as guard:
        fit(*arguments, **keywords)
    assert guard.silent is None
    return [(f.check, f.severity) for f in guard.findings], guard.findings


def nothing(model, optimizer):
    pass


def data(count=32, seed=0):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(count, 8, generator=generator)
    return x, (x[:, 0] > 0).long()


def train(model, step, *, steps=16, optimizer=None):
    """Found slugs with severities, and the findings, of `steps` calls of ``step``."""
    optimizer = optimizer or torch.optim.Adam(model.parameters(), lr=1e-2)
    with watch() as guard:
        for index in range(steps):
            step(model, optimizer, *data(seed=index % 3))
    assert guard.silent is None
    return [(f.check, f.severity) for f in guard.findings], guard.findings


def plain(model, optimizer, x, y):
    optimizer.zero_grad()
    F.cross_entropy(model(x), y).backward()
    optimizer.step()


class Normed(nn.Module):
    def __init__(self, layer, norm=None, between=lambda x: x):
        super().__init__()
        self.layer = layer
        self.norm = norm or nn.BatchNorm1d(16)
        self.between, self.last = between, nn.Linear(16, 2)

    def forward(self, x):
        return self.last(self.norm(self.between(self.layer(x))).relu())


def by_loss(loss_of):
    def step(model, optimizer, x, y):
        optimizer.zero_grad()
        loss_of(model, x, y).backward()  # backward
        optimizer.step()

    return step


def make_classifier():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Linear(8, 16, bias=False),
        nn.BatchNorm1d(16),
        nn.ReLU(),
        nn.Dropout(0.2),
        nn.Linear(16, 2),
    )


def fit_classifier(model, steps=24, autocast=False, run=None):
    x = torch.randn(32, 8, generator=torch.Generator().manual_seed(0))
    y = (x[:, 0] > 0).long()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for step in range(steps):
        optimizer.zero_grad()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=autocast):
            loss = F.cross_entropy((run or model)(x), y)
        loss.backward()
        optimizer.step()
        if step % 8 == 7:
            model.eval()
            with torch.no_grad():
                model(x)
            model.train()
    return [*model.parameters(), *model.buffers(), torch.rand(1)]


def hooks():
    module, optimizer = nn.modules.module, importlib.import_module("torch.optim.optimizer")
    return (
        dict(module._global_forward_pre_hooks),
        dict(module._global_forward_hooks),
        dict(optimizer._global_optimizer_pre_hooks),
        dict(optimizer._global_optimizer_post_hooks),
        torch.autograd.backward,
        torch.no_grad.__enter__,
        nn.Module.train,
        torch.compile,
        (torch.manual_seed, torch.random.manual_seed, torch.set_rng_state),
        (torch.optim.Optimizer.__init__, torch.amp.GradScaler.unscale_),
        torch.overrides._get_current_function_mode_stack(),
    )
