"""Optimizers that are created at every step."""

from __future__ import annotations

import copy

import pytest
import torch
from guarded_training import plain, train
from snippets import find, line_of, make_optimizer, train_step
from torch import nn

# --- hunt ---------------------------------------------------------------------------------------


def test_optimizer_recreated():
    def anew(model, optimizer, batch):
        train_step(model, make_optimizer(model), batch)  # here

    def stateless(model, optimizer, batch):
        train_step(model, torch.optim.SGD(model.parameters(), 0.1), batch)

    [finding] = find("optimizer-recreated", train_step=anew)
    assert finding.location == line_of(anew, "# here")
    assert find("optimizer-recreated", train_step=stateless) == []
    assert find("optimizer-recreated") == []


@pytest.mark.parametrize("kind", [torch.optim.Adagrad, torch.optim.Adam])
def test_an_optimizer_that_makes_its_state_at_once_is_recreated_all_the_same(kind):
    def fresh(model, optimizer, batch):
        train_step(model, kind(model.parameters(), lr=0.05), batch)

    def kept(model, optimizer, batch):
        train_step(model, optimizer, batch)

    once = {"make_optimizer": lambda model: kind(model.parameters(), lr=0.05)}
    assert len(find("optimizer-recreated", train_step=fresh, **once)) == 1
    assert find("optimizer-recreated", train_step=kept, **once) == []


# --- guards -------------------------------------------------------------------------------------


def renewed(make, after=lambda model: None):
    def step(model, optimizer, x, y):
        own = make(model.parameters())  # made
        plain(model, own, x, y)
        after(model)

    return step


@pytest.mark.parametrize(
    "make",
    [
        lambda parameters: torch.optim.Adam(parameters),  # made anew
        lambda parameters: torch.optim.SGD(parameters, lr=0.1, momentum=0.9),
    ],
)
def test_an_optimizer_per_step_that_keeps_a_state_is_an_error(make):
    found, [finding] = train(nn.Linear(8, 2), renewed(make))
    assert found == [("optimizer-recreated", "error")]
    assert finding.location == f"{__file__}:{make.__code__.co_firstlineno}"


def test_optimizers_without_state_or_for_models_that_are_put_back_pass():
    assert train(nn.Linear(8, 2), renewed(lambda p: torch.optim.SGD(p, lr=0.1)))[0] == []
    model = nn.Linear(8, 2)
    start = copy.deepcopy(model.state_dict())
    adapt = renewed(torch.optim.Adam, after=lambda m: m.load_state_dict(start))
    assert train(model, adapt)[0] == []
