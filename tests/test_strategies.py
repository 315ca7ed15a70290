"""Strategies draw what they say."""

from __future__ import annotations

import re

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("hypothesis")

from hypothesis import find, given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from pytest_mlregress.strategies import (  # noqa: E402
    batches,
    images,
    labelled,
    labels,
    tensors,
    token_sequences,
)

QUICK = settings(max_examples=25, database=None)


@QUICK
@given(tensors((3, (0, 2)), low=-1.0, high=2.0))
def test_tensors_have_the_shape_and_the_range(tensor):
    assert tensor.shape[0] == 3
    assert tensor.shape[1] <= 2
    assert tensor.dtype == torch.float32
    assert ((tensor >= -1) & (tensor <= 2)).all()


@QUICK
@given(st.data())
def test_integers_reach_both_bounds_and_bool_is_bool(data):
    integers = data.draw(tensors((200,), dtype=torch.int64, low=0, high=3))
    assert set(integers.tolist()) == {0, 1, 2, 3}
    assert data.draw(tensors((2,), dtype=torch.bool)).dtype == torch.bool


@QUICK
@given(batches((3,), (2, 2), size=(1, 5)))
def test_the_tensors_of_a_batch_have_one_size(batch):
    first, second = batch
    assert first.shape == (len(second), 3)
    assert second.shape[1:] == (2, 2)


@QUICK
@given(images(channels=1, height=(4, 6)), labels(classes=3))
def test_images_lie_in_the_unit_interval_and_labels_in_the_classes(image, label):
    assert image.dim() == 4
    assert image.shape[1] == 1
    assert ((image >= 0) & (image <= 1)).all()
    assert set(label.tolist()) <= {0, 1, 2}


@QUICK
@given(labelled(lambda n: images(size=n), classes=4))
def test_labelled_examples_have_one_label_each(pair):
    assert len(pair[0]) == len(pair[1])


@QUICK
@given(token_sequences(vocabulary=5, padding=2))
def test_padding_stands_after_each_sequence_and_nowhere_else(tokens):
    assert tokens.ids.shape == tokens.mask.shape
    assert torch.equal(tokens.mask.sum(1), tokens.lengths)
    assert tokens.lengths.max() == tokens.ids.shape[1]
    assert torch.equal(tokens.ids != 2, tokens.mask)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: tensors(((3, 2),)), "axis 0: (3, 2) is neither a length"),
        (lambda: tensors((2,), low=1.0, high=0.0), "low=1.0 is larger than high=0.0"),
        (lambda: labels(classes=0), "classes=0: there must be at least one"),
        (lambda: token_sequences(vocabulary=3, padding=3), "must hold padding=3"),
    ],
)
def test_what_cannot_be_drawn_is_refused_by_name(make, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        find(make(), lambda _: True)
