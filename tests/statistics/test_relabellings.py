"""The tables of drawn relabellings, which all p-values of their sizes share."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pytest_mlregress.statistics.relabellings import drawn_relabellings, smallest


@pytest.mark.parametrize(
    ("n", "chosen", "digest"),
    [(24, 10, "8fa26e1819b68780"), (35, 5, "0e7a35a8bf2c5247"), (60, 57, "0bc3c9e9bae151ec")],
)
def test_draws_are_the_same_for_ever(n: int, chosen: int, digest: str) -> None:
    """Another table would move p-values, and with them verdicts."""
    table = drawn_relabellings(n, chosen)
    assert table[:, 0].tolist() == [True] * chosen + [False] * (n - chosen)
    assert set(table.sum(axis=0)) == {chosen}
    assert hashlib.sha256(np.packbits(table).tobytes()).hexdigest()[:16] == digest


@given(arrays(np.float64, st.tuples(st.integers(1, 9), st.integers(1, 9)),
              elements=st.integers(0, 5).map(float)), st.data())  # fmt: skip
def test_the_smallest_are_as_many_as_asked_for_among_equal_ones_too(
    keys: np.ndarray, data: st.DataObject
) -> None:
    number = data.draw(st.integers(1, keys.shape[1]))
    found = smallest(keys, number)
    assert found.sum(axis=1).tolist() == [number] * len(keys)
    for row, chosen in zip(keys, found, strict=True):
        assert sorted(row[chosen]) == sorted(row)[:number]
