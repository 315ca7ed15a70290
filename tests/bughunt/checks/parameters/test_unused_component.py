"""Components that make no difference."""

from __future__ import annotations

import pytest
import torch
from row_batches import adam, classes, entropy, step_on, unchanged
from torch import nn

from pytest_mlregress.bughunt import hunt


class Gated(nn.Module):
    def __init__(self, use):
        super().__init__()
        self.use = use
        self.body = nn.Linear(4, 8)
        self.gate = nn.Linear(4, 8)
        self.scale = nn.Parameter(torch.zeros(8))
        self.head = nn.Linear(8, 3)

    def forward(self, x):
        return self.head(self.use(self, x))


def gated(m, x):
    return m.body(x) * m.gate(x).sigmoid()


def opened_from_zero(m, x):
    return m.body(x) + m.scale * m.gate(x)


def forgotten(m, x):
    return m.body(x)


def detached(m, x):
    return m.body(x) * m.gate(x).sigmoid().detach()


def cancelled(m, x):
    return m.body(x) + m.gate(x) - m.gate(x)


def ablated(use, names=("gate",)):
    return hunt(
        lambda: Gated(use), classes(), loss_fn=entropy, make_optimizer=adam,
        train_step=step_on(unchanged), ablate=names, checks=["unused-component"],
    )  # fmt: skip


@pytest.mark.parametrize("use", [gated, opened_from_zero])
def test_components_that_matter_are_silent(use):
    assert ablated(use) == []


@pytest.mark.parametrize(
    ("use", "what"),
    [(forgotten, "never runs"), (detached, "gets no gradient"), (cancelled, "no influence")],
)
def test_components_without_use_are_found(use, what):
    [finding] = ablated(use)
    assert what in finding.message
    assert finding.module == "gate"


def test_a_misspelt_component_is_an_error_that_offers_the_right_one():
    [finding] = ablated(gated, ["gates"])
    assert finding.severity == "error"
    assert "did you mean 'gate'?" in finding.message
