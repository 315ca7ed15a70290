"""Counts in single precision are those of the statistics in double precision."""

import numpy as np
import pytest

from pytest_mlregress.statistics.permutation import welch_permutation_test
from pytest_mlregress.statistics.relabelling_counts import permutation_tails
from pytest_mlregress.statistics.relabellings import relabelled_sums
from pytest_mlregress.statistics.samples import FloatArray
from pytest_mlregress.statistics.tails import Tails
from pytest_mlregress.statistics.welch_order import ordered_as_t, tail_probabilities


def in_double_precision(values: FloatArray, n_candidate: int) -> Tails:
    sums, squares = relabelled_sums(np.array([values, values**2]), n_candidate)
    return tail_probabilities(ordered_as_t(values, sums, squares, n_candidate))


@pytest.mark.parametrize(
    ("n_candidate", "n_baseline"), [(5, 20), (16, 4), (10, 20), (20, 20), (20, 10), (3, 57)]
)
@pytest.mark.parametrize("decimals", [None, 1, 0], ids=["continuous", "tied", "coarse"])
@pytest.mark.parametrize("shift", [0.0, -1.0, 4.0, 1e-9])
def test_counts_are_those_of_double_precision(
    n_candidate: int, n_baseline: int, decimals: int | None, shift: float
) -> None:
    draws = np.random.default_rng(n_candidate)
    values = draws.normal(size=n_candidate + n_baseline)
    values = values if decimals is None else values.round(decimals)
    values[:n_candidate] += shift
    values -= values.mean()
    values /= np.abs(values).max()
    found = permutation_tails(values, n_candidate)
    assert found == in_double_precision(values, n_candidate)
    assert (type(found.less), type(found.greater)) == (float, float)


def test_one_value_far_from_all_others_leaves_the_counts_alone() -> None:
    values = np.concatenate(([1e6], np.random.default_rng(0).normal(size=29)))
    values = (values - values.mean()) / np.abs(values - values.mean()).max()
    assert permutation_tails(values, 10) == in_double_precision(values, 10)


def test_equal_values_show_nothing_in_either_direction() -> None:
    (tails,) = welch_permutation_test([(np.full(20, 0.5), np.full(10, 0.5))])
    assert tails == Tails(1.0, 1.0)
