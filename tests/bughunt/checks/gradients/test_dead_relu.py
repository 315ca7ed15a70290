"""Rectifiers that are zero for every example."""

from __future__ import annotations

from snippets import find, make_model
from torch import nn


def test_dead_relu():
    def dead():
        model = make_model()
        nn.init.constant_(model[0].bias, -100.0)
        return model

    [finding] = find("dead-relu", make_model=dead)
    assert finding.module == "1"
    assert find("dead-relu") == []
