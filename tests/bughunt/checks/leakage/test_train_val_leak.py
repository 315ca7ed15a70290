"""Validation examples that were trained on."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from row_batches import classes, classifier, entropy

from pytest_mlregress.bughunt import hunt


def find_split(train, val):
    return hunt(
        classifier, train[0], loss_fn=entropy, train_batches=train, val_batches=val,
        checks=["train-val-leak"],
    )  # fmt: skip


def test_validation_rows_that_were_trained_on_are_found():
    half = {name: torch.cat([classes(1)[name][:5], classes(9)[name][:5]]) for name in ("x", "y")}
    [finding] = find_split([classes(0), classes(1)], [half])
    assert finding.evidence.startswith("5 of 10 validation examples")


def test_other_rows_are_silent():
    assert find_split([classes(0), classes(1)], [classes(2), classes(3)]) == []


def test_the_few_patterns_of_a_small_world_may_repeat():
    def parity(seed):
        x = torch.randint(0, 2, (12, 4), generator=torch.Generator().manual_seed(seed)).float()
        return {"x": x, "y": x.sum(1).long() % 2}

    assert find_split([parity(0), parity(1)], [parity(2)]) == []


def test_an_iterator_that_can_be_read_once_is_left_alone():
    batches = iter([classes(0), classes(1)])
    findings = find_split([classes(0)], batches)
    assert findings == []
    assert "only once" in findings.skipped[0].reason
    assert len(list(batches)) == 2


@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8, torch.int32])
def test_examples_that_are_no_floating_point_numbers_are_compared_too(dtype):
    def bits(seed):
        x = torch.randint(0, 2, (12, 40), generator=torch.Generator().manual_seed(seed))
        return {"x": x.to(dtype), "y": torch.arange(12) % 3}

    def find_bits(train, val):
        return hunt(
            lambda: torch.nn.Linear(40, 3), train[0],
            loss_fn=lambda model, batch: F.cross_entropy(model(batch["x"].float()), batch["y"]),
            train_batches=train, val_batches=val, checks=["train-val-leak"],
        )  # fmt: skip

    assert find_bits([bits(0), bits(1)], [bits(2)]) == []
    [finding] = find_bits([bits(0), bits(1)], [bits(1)])
    assert finding.check == "train-val-leak"
