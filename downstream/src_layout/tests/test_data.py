import numpy as np
import pytest

from tabular import make_table, split


def test_a_table_is_the_same_for_the_same_seed(table, seed):
    assert np.array_equal(table.features, make_table(600, seed).features)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_split_keeps_every_row(table, share):
    first, second = split(table, share)
    assert len(first) + len(second) == len(table)


@pytest.mark.parametrize("share", [0, 1, -0.5])
def test_split_refuses_an_empty_side(table, share):
    with pytest.raises(ValueError, match="between 0 and 1"):
        split(table, share)


@pytest.mark.skip(reason="no database here")
def test_a_table_from_a_database():
    raise AssertionError
