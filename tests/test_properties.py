"""Properties of models: what breaks one is found, and shrinks to its smallest batch."""

from __future__ import annotations

import re

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("hypothesis")

from hypothesis import find, given, settings  # noqa: E402
from torch import nn  # noqa: E402

from pytest_mlregress import properties  # noqa: E402
from pytest_mlregress.strategies import (  # noqa: E402
    batches,
    token_sequences,
)

QUICK = settings(max_examples=25, database=None)


def fails(assertion, *arguments):
    try:
        assertion(*arguments)
    except AssertionError:
        return True
    return False


def time_major(x):
    return x.view(x.shape[1], x.shape[0], x.shape[2]).transpose(0, 1)


def test_a_view_for_a_permute_shrinks_to_the_smallest_batch():
    sequences = batches(((1, 6), (1, 5)), size=(1, 8))
    smallest = find(
        sequences,
        lambda batch: fails(properties.assert_batch_size_independent, time_major, batch),
        settings=settings(max_examples=500, database=None),
    )
    assert smallest.shape == (2, 2, 1)


def test_the_printed_example_fails_again():
    seen = []

    @settings(max_examples=100, database=None, derandomize=True)
    @given(batches(((1, 6), 2), size=(1, 8)))
    def property_of_time_major(batch):
        try:
            properties.assert_batch_permutation_equivariant(time_major, batch)
        except AssertionError:
            seen.append(batch)
            raise

    for _ in range(2):
        with pytest.raises(AssertionError, match="permuting the batch gives"):
            property_of_time_major()
        seen.append(None)
    first, second = (seen[index - 1] for index, entry in enumerate(seen) if entry is None)
    assert torch.equal(first, second)


class Pooled(nn.Module):
    """Mean of embedded tokens; with `careless`, of the padding too."""

    def __init__(self, careless=False):
        super().__init__()
        self.embedding = nn.Embedding(9, 4)
        self.careless = careless

    def forward(self, ids, mask):
        embedded = self.embedding(ids)
        if self.careless:
            return embedded.mean(1)
        weights = mask[..., None].float()
        return (embedded * weights).sum(1) / weights.sum(1)


@pytest.mark.parametrize("careless", [False, True])
def test_padding_must_not_show(careless):
    model = Pooled(careless)

    def shows(tokens):
        return fails(properties.assert_padding_invariant, model, tokens.ids, tokens.mask)

    if careless:
        smallest = find(token_sequences(vocabulary=9), shows)
        assert smallest.ids.shape == (1, 1)
    else:
        QUICK(given(token_sequences(vocabulary=9))(lambda tokens: _deny(shows(tokens))))()


def _deny(condition):
    assert not condition


def test_per_token_outputs_are_compared_at_the_tokens():
    embedding = nn.Embedding(5, 2)

    @QUICK
    @given(token_sequences(vocabulary=5))
    def check(tokens):
        properties.assert_padding_invariant(
            lambda ids, mask: embedding(ids), tokens.ids, tokens.mask
        )

    check()


def test_batch_norm_in_training_mode_is_judged_in_evaluation_mode_and_left_as_it_was():
    model = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3), nn.Dropout(0.5))
    state = torch.get_rng_state()
    batch = torch.randn(4, 3, generator=torch.Generator().manual_seed(0))
    properties.assert_batch_size_independent(model, batch)
    properties.assert_batch_permutation_equivariant(model, batch)
    assert all(module.training for module in model.modules())
    assert model[1].num_batches_tracked == 0
    assert torch.equal(torch.get_rng_state(), state)


def test_determinism_is_judged_by_bits():
    batch = torch.ones(2, 3)
    properties.assert_deterministic(lambda x: x + torch.rand(3), batch)
    generator = torch.Generator()
    with pytest.raises(AssertionError, match="the second call gives"):
        properties.assert_deterministic(lambda x: x + torch.rand(3, generator=generator), batch)


def test_round_trips():
    properties.assert_round_trip(str.encode, bytes.decode, "żółw")
    properties.assert_round_trip(torch.log, torch.exp, torch.tensor([0.5, 2.0]))
    with pytest.raises(AssertionError, match=re.escape("decode(encode(value)) gives 'a' for 'A'")):
        properties.assert_round_trip(str.lower, str, "A")


def test_tensors_without_a_common_first_axis_are_refused():
    batch = (torch.ones(2), torch.ones(3))
    with pytest.raises(ValueError, match=re.escape("theirs are [2, 3]")):
        properties.assert_batch_size_independent(lambda batch: batch[0], batch)
