"""Targets of other examples."""

from __future__ import annotations

import pytest
import torch
from row_batches import adam, classes, classifier, entropy, line, step_on, unchanged
from torch.nn import functional as F  # noqa: N812

from pytest_mlregress.bughunt import hunt


def labels_sorted(b):
    return b | {"y": b["y"].sort().values}


def inputs_shuffled(b):
    return b | {"x": b["x"][torch.randperm(len(b["x"]))]}


def labels_rolled(b):
    return b | {"y": b["y"].roll(1)}


def both_shuffled(b):
    order = torch.randperm(len(b["x"]))
    return {"x": b["x"][order], "y": b["y"][order]}


def noisy_labels(b):
    noise = torch.rand(len(b["y"])) < 0.2
    return b | {"y": torch.where(noise, (b["y"] + 1) % 3, b["y"])}


def find_pairing(change):
    return hunt(
        classifier, classes(), loss_fn=entropy, make_optimizer=adam,
        train_step=step_on(change), checks=["shuffled-labels"],
    )  # fmt: skip


@pytest.mark.parametrize("change", [inputs_shuffled, labels_rolled, labels_sorted])
def test_labels_of_other_examples_are_found(change):
    [finding] = find_pairing(change)
    assert finding.severity == "error"


@pytest.mark.parametrize("change", [both_shuffled, noisy_labels, unchanged])
def test_reordering_both_is_silent(change):
    findings = find_pairing(change)
    assert findings == []
    assert findings.skipped == []


def test_mixed_examples_keep_their_labels():
    def mixup(model, b):
        order = torch.randperm(len(b["y"]))
        logits = model(0.7 * b["x"] + 0.3 * b["x"][order])
        return 0.7 * F.cross_entropy(logits, b["y"]) + 0.3 * F.cross_entropy(logits, b["y"][order])

    assert hunt(classifier, classes(), loss_fn=mixup, checks=["shuffled-labels"]) == []


def test_predictions_flattened_in_another_order_than_labels_are_found():
    def loss_fn(model, b):
        logits = model(b["x"]).transpose(0, 1)
        return F.cross_entropy(logits.reshape(-1, 3), b["y"].reshape(-1))

    g = torch.Generator().manual_seed(0)
    batch = {"x": torch.randn(6, 5, 4, generator=g), "y": torch.randint(0, 3, (6, 5), generator=g)}
    [finding] = hunt(classifier, batch, loss_fn=loss_fn, checks=["shuffled-labels"])
    assert finding.location == line(loss_fn, 2)
