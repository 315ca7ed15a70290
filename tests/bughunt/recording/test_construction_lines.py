"""The line at which a layer is constructed."""

from __future__ import annotations

import torch
from guarded_training import Normed, plain, train
from snippets import line_of
from text_model import LENGTH, TextNet, head_of_embedding, text, token_loss
from torch import nn

from pytest_mlregress.bughunt import hunt


class MaskOfPythonBools(TextNet):
    """torch takes Python's types for its own: ``dtype=bool``."""

    def __init__(self):
        super().__init__(head_of_embedding)
        self.register_buffer("seen", torch.tril(torch.ones((LENGTH, LENGTH), dtype=bool)))


def test_a_model_may_be_built_with_types_of_python():
    assert hunt(MaskOfPythonBools, text(), loss_fn=token_loss, checks=["causal-leak"]) == []


def test_the_line_of_a_layer_is_that_of_its_own_class_or_base():
    class Inherits(Normed):
        pass

    model = nn.Sequential(Inherits(nn.Linear(8, 16)))
    _, [finding] = train(model, plain)
    assert finding.module == "0.layer.bias"
    assert finding.location == line_of(Normed, "self.layer = layer")


def test_a_layer_of_no_class_of_the_users_is_told_where_it_runs():
    model = nn.Sequential(nn.Linear(8, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 2))
    _, [finding] = train(model, plain)
    assert finding.module == "0.bias"
    assert finding.location == line_of(plain, "model(x)")
