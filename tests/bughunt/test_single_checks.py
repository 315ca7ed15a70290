"""Single checks of a model that exists, on any batch; bad input is refused in one clear line."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from small_program import BATCH, SOFTMAX, loss_fn, make_model, make_optimizer, slugs, squashed
from uncopiable_model import Uncopiable, batch, nested_loss

from pytest_mlregress import bughunt
from pytest_mlregress.bughunt import (
    BughuntError,
    check_logits,
    check_view_permute,
    overfit_single_batch,
)


def test_overfit_single_batch_passes_and_leaves_model_and_optimizer_alone():
    model = make_model()
    optimizer = make_optimizer(model)
    before = model[0].weight.detach().clone()
    assert bughunt.overfit_single_batch(model, BATCH, loss_fn, optimizer=optimizer) == []
    assert torch.equal(before, model[0].weight)
    assert optimizer.state_dict()["state"] == {}


def test_overfit_single_batch_names_the_loss_that_it_wanted():
    model = make_model()
    [finding] = bughunt.overfit_single_batch(model, BATCH, loss_fn, steps=2, target=1e-3)
    assert finding.severity == "error"
    assert finding.evidence.endswith("wanted at most 0.001")


def test_overfit_single_batch_fails_where_the_input_is_erased():
    def erased(model, batch):
        return F.cross_entropy(model(batch[0] * 0), batch[1])

    [finding] = bughunt.overfit_single_batch(make_model(), BATCH, erased, steps=50)
    assert finding.check == "no-single-batch-overfit"


def test_overfit_memorises_a_small_data_set():
    data = torch.utils.data.TensorDataset(*BATCH)
    loader = torch.utils.data.DataLoader(data, batch_size=4)
    assert bughunt.overfit_single_batch(make_model(), loader, loss_fn) == []


def test_check_logits_on_a_model_that_exists():
    model = make_model()
    assert bughunt.check_logits(model, BATCH, loss_fn) == []
    assert slugs(bughunt.check_logits(model, BATCH, squashed)) == SOFTMAX


CHECKS = [check_logits, check_view_permute, overfit_single_batch]


@pytest.fixture
def untouched():
    """A model, checked afterwards to be in the state, the mode and the random state it had."""
    torch.manual_seed(0)
    model = Uncopiable()
    model.head.eval()
    state = {name: value.clone() for name, value in model.state_dict().items()}
    random = torch.get_rng_state()
    yield model
    assert all(torch.equal(state[name], value) for name, value in model.state_dict().items())
    assert [m.training for m in model.modules()] == [True, True, False]
    assert all(p.grad is None for p in model.parameters())
    assert torch.equal(torch.get_rng_state(), random)


@pytest.mark.parametrize("check", CHECKS)
def test_uncopiable_models_and_nested_integer_batches_with_strings_are_checked(untouched, check):
    assert check(untouched, batch(), nested_loss) == []


@pytest.mark.parametrize("check", CHECKS)
def test_a_loss_that_is_no_scalar_is_refused(untouched, check):
    def per_example(model, batch):
        return F.cross_entropy(model(batch), batch["labels"], reduction="none")

    with pytest.raises(BughuntError, match=r"tensor of shape \(6,\), a scalar is needed"):
        check(untouched, batch(), per_example)


@pytest.mark.parametrize("check", CHECKS)
def test_a_loss_that_raises_is_named_with_its_line(untouched, check):
    def broken(model, batch):
        raise KeyError("target")

    with pytest.raises(BughuntError, match=r"loss_fn raised KeyError: 'target' \(at .*\.py:\d+\)"):
        check(untouched, batch(), broken)


def test_the_given_optimizer_comes_back_as_it_was():
    torch.manual_seed(0)
    model = Uncopiable()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
    assert overfit_single_batch(model, batch(), nested_loss, optimizer=optimizer, target=0.5) == []
    assert optimizer.state_dict()["state"] == {}
