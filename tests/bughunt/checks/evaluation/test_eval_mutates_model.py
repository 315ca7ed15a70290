"""Evaluation that changes the model."""

from __future__ import annotations

import torch
from snippets import evaluate, find, line_of


def test_evaluation_that_changes_the_model():
    @torch.no_grad()
    def clips(model, batches):
        for parameter in model.parameters():
            parameter.clamp_(-0.1, 0.1)
        return evaluate(model, batches)

    @torch.no_grad()
    def swaps(model, batches):
        old = [p.clone() for p in model.parameters()]
        for parameter in model.parameters():
            parameter.mul_(0.5)
        value = evaluate(model, batches)
        for parameter, value_before in zip(model.parameters(), old, strict=True):
            parameter.copy_(value_before)
        return value

    [finding] = find("eval-mutates-model", evaluate=clips)
    assert finding.location == line_of(clips, "clamp_")
    assert find("eval-mutates-model", evaluate=swaps) == []
