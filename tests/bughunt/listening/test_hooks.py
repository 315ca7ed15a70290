"""Hooks and function modes of a guard, beside those of the user."""

from __future__ import annotations

import pytest
import torch
from guarded_training import fit_classifier, hooks, make_classifier
from torch.overrides import TorchFunctionMode

from pytest_mlregress.bughunt.guards import watch


@pytest.mark.parametrize("steps", [0, 2, 24])
def test_every_hook_and_patch_is_gone_afterwards(steps):
    before, model = hooks(), make_classifier()
    with watch():
        fit_classifier(model, steps=steps)
    assert hooks() == before
    assert all(not p._backward_hooks for p in model.parameters())
    assert all(not p._post_accumulate_grad_hooks for p in model.parameters())


class Counting(TorchFunctionMode):
    calls = 0

    def __torch_function__(self, func, types, args=(), kwargs=None):
        Counting.calls += 1
        return func(*args, **(kwargs or {}))


def test_modes_of_the_user_that_outlive_the_first_steps_keep_working():
    with watch() as guard, Counting():
        fit_classifier(make_classifier(), steps=12)
        before = Counting.calls
        torch.ones(2) + 1
    assert Counting.calls > before
    assert guard.silent is None
    assert torch.overrides._get_current_function_mode_stack() == []


def test_modes_of_the_user_are_taken_off_by_their_own_block_while_optimizers_begin():
    with watch() as guard:
        fit_classifier(make_classifier(), steps=12)
        with Counting():
            fit_classifier(make_classifier(), steps=2)
        assert not any(
            isinstance(mode, Counting)
            for mode in torch.overrides._get_current_function_mode_stack()
        )
    assert guard.silent is None
    assert torch.overrides._get_current_function_mode_stack() == []


def test_a_default_device_may_be_set_and_unset_during_the_first_steps():
    with watch() as guard:
        fit_classifier(make_classifier(), steps=2)
        torch.set_default_device("cpu")
        fit_classifier(make_classifier(), steps=2)
        torch.set_default_device(None)
        fit_classifier(make_classifier(), steps=12)
    assert guard.silent is None
    assert torch.overrides._get_current_function_mode_stack() == []
