"""What cannot be checked is refused in one clear line, and the user's things stay as they were."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

import torch.nn.functional as F  # noqa: E402, N812
from torch import nn  # noqa: E402

from pytest_mlregress.bughunt import (  # noqa: E402
    BughuntError,
    check_logits,
    check_view_permute,
    overfit_single_batch,
)
from pytest_mlregress.bughunt.guards import watch  # noqa: E402

CHECKS = [check_logits, check_view_permute, overfit_single_batch]


class Uncopiable(nn.Module):
    """A model that holds what cannot be copied, on a batch of nested dicts with strings."""

    def __init__(self):
        super().__init__()
        self.embedding, self.head = nn.Embedding(10, 8), nn.Linear(8, 3)
        self.stream = (number for number in range(3))

    def __deepcopy__(self, memo):
        raise TypeError("cannot be copied")

    def forward(self, inputs):
        assert isinstance(inputs["meta"]["name"][0], str)
        return self.head(self.embedding(inputs["ids"]).mean(1))


def batch():
    ids = torch.arange(24).view(6, 4) % 10
    return {"ids": ids, "meta": {"name": list("abcdef")}, "labels": torch.arange(6) % 3}


def loss_fn(model, batch):
    return F.cross_entropy(model(batch), batch["labels"])


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
    assert check(untouched, batch(), loss_fn) == []


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
    assert overfit_single_batch(model, batch(), loss_fn, optimizer=optimizer, target=0.5) == []
    assert optimizer.state_dict()["state"] == {}


def test_guards_watch_an_uncopiable_model():
    model, data = Uncopiable(), batch()
    optimizer = torch.optim.Adam(model.parameters())
    with watch() as guard:
        for _ in range(6):
            optimizer.zero_grad()
            loss_fn(model, data).backward()
            optimizer.step()
    assert guard.findings == []
    assert guard.silent is None
