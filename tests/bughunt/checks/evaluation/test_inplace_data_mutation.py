"""Steps and evaluations that change their batches in place."""

from __future__ import annotations

import pytest
import torch
from row_batches import adam, classes, classifier, entropy, line, unchanged

from pytest_mlregress.bughunt import hunt


def scaled_in_place(b):
    b["x"].mul_(1.1)
    return b


def noise_added(b):
    b["x"] += torch.randn_like(b["x"])
    return b


def entry_replaced(b):
    b["x"] = b["x"] * 0.5
    return b


def clamped(b):
    b["x"].clamp_(-1, 1)
    return b


def restored(b):
    b["x"].add_(1.0).sub_(1.0)
    return b


def find_mutation(change):
    def train_step(model, optimizer, batch):
        entropy(model, change(batch))

    batch = {k: (v * 4).round() / 4 if v.is_floating_point() else v for k, v in classes().items()}
    return hunt(
        classifier, batch, loss_fn=entropy, make_optimizer=adam,
        train_step=train_step, checks=["inplace-data-mutation"],
    )  # fmt: skip


@pytest.mark.parametrize("change", [scaled_in_place, noise_added, entry_replaced])
def test_a_step_that_changes_its_batch_is_found_at_the_line(change):
    [finding] = find_mutation(change)
    assert finding.severity == "error"
    assert finding.location == line(change)


@pytest.mark.parametrize("change", [clamped, restored, unchanged])
def test_changes_that_do_not_add_up_are_silent(change):
    assert find_mutation(change) == []


def test_evaluation_that_changes_its_batches_is_found():
    def evaluate(model, batches):
        for b in batches:
            b["x"].div_(2)
        return 0.0

    [finding] = hunt(
        classifier, classes(), loss_fn=entropy, evaluate=evaluate, val_batches=[classes(1)],
        checks=["inplace-data-mutation"],
    )  # fmt: skip
    assert finding.location == line(evaluate, 2)
