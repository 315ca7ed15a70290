"""Outputs that are the same for every example."""

from __future__ import annotations

from guarded_training import plain, train
from snippets import find
from torch import nn

# --- hunt ---------------------------------------------------------------------------------------


def test_constant_output():
    def erased():
        return nn.Sequential(nn.Linear(6, 1), nn.LayerNorm(1), nn.Linear(1, 3))

    assert len(find("constant-output", make_model=erased)) == 1
    assert find("constant-output") == []


# --- guards -------------------------------------------------------------------------------------


class Constant(nn.Module):
    def __init__(self, uses_input):
        super().__init__()
        self.layer, self.uses_input = nn.Linear(8, 2), uses_input
        nn.init.zeros_(self.layer.weight)

    def forward(self, x):
        return self.layer(x if self.uses_input else x.mean(0).expand(len(x), -1))


def test_an_output_that_is_the_same_for_all_is_a_warning():
    found, [finding] = train(Constant(uses_input=False), plain)
    assert found == [("constant-output", "warning")]
    assert finding.location == f"{__file__}:{Constant.forward.__code__.co_firstlineno}"


def test_a_head_that_starts_constant_and_one_example_over_and_over_pass():
    assert train(Constant(uses_input=True), plain)[0] == []

    def again(model, optimizer, x, y):
        plain(model, optimizer, x[:1].expand(8, -1), y[:1].expand(8))

    assert train(nn.Linear(8, 2), again)[0] == []
