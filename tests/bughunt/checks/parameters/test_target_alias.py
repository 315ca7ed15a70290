"""Target networks that are the network itself."""

from __future__ import annotations

import copy

import torch
from snippets import find, line_of, make_model
from torch import nn


class Teacher(nn.Module):
    def __init__(self, alias=True):
        super().__init__()
        self.student = make_model()
        self.teacher = self.student if alias else copy.deepcopy(self.student)  # here

    def forward(self, x):
        with torch.no_grad():
            goal = self.teacher(x)
        return self.student(x) - 0.1 * goal


def test_target_alias():
    [finding] = find("target-alias", make_model=Teacher)
    assert finding.location == line_of(Teacher, "# here")
    assert find("target-alias", make_model=lambda: Teacher(alias=False)) == []
