"""Spearman's correlation with the interval of Bonett and Wright."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from pytest_mlregress.statistics.rank_agreement import (
    pairs_to_tell,
    rank_agreement,
    share_of_noise,
)

LISTS = st.lists(
    st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=4, max_size=30
)  # with ties


@given(LISTS)
def test_the_correlation_is_that_of_scipy(pairs: list[tuple[int, int]]) -> None:
    first, second = zip(*pairs, strict=True)
    found = rank_agreement(first, second)
    if len(set(first)) == 1 or len(set(second)) == 1:
        assert math.isnan(found.rho)
        assert (found.low, found.high, found.tells) == (-1.0, 1.0, False)
        return
    assert found.rho == pytest.approx(stats.spearmanr(first, second).statistic)
    assert -1.0 <= found.low <= found.rho <= found.high <= 1.0


def test_the_interval_is_the_published_one() -> None:
    first = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]
    second = [2, 1, 4, 3, 7, 5, 10, 6, 9, 8]
    rho = stats.spearmanr(first, second).statistic
    reach = 1.959964 * math.sqrt((1 + rho**2 / 2) / 7)
    found = rank_agreement(first, second)
    assert found.low == pytest.approx(math.tanh(math.atanh(rho) - reach), abs=1e-6)
    assert found.high == pytest.approx(math.tanh(math.atanh(rho) + reach), abs=1e-6)


def test_few_things_tell_nothing_even_where_they_agree() -> None:
    assert not rank_agreement([1, 2, 3, 4], [1, 2, 3, 4]).tells
    assert rank_agreement(range(5), range(5)).tells
    assert pairs_to_tell(1.0) == 5
    needed = pairs_to_tell(0.5)
    assert needed is not None
    reach = 1.959964 * math.sqrt((1 + 0.5**2 / 2) / (needed - 3))
    assert reach < math.atanh(0.5) < 1.959964 * math.sqrt((1 + 0.5**2 / 2) / (needed - 4))
    assert pairs_to_tell(0.0) is None
    assert pairs_to_tell(-0.5) is None


@pytest.mark.parametrize("lengths", [(3, 3), (4, 5)])
def test_too_few_or_unequal_lengths_are_refused(lengths: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="expected as many, at least 4"):
        rank_agreement(range(lengths[0]), range(lengths[1]))


@pytest.mark.parametrize(("n", "rho"), [(6, 0.0), (8, 0.7), (20, 0.9)])
def test_the_interval_covers(n: int, rho: float) -> None:
    """Normal pairs; the true Spearman correlation is 6 / pi asin(rho / 2). 2,000 trials."""
    generator = np.random.default_rng(3)
    truth = 6 / math.pi * math.asin(rho / 2)
    trials, covered = 2000, 0
    for _ in range(trials):
        first = generator.normal(size=n)
        second = rho * first + math.sqrt(1 - rho**2) * generator.normal(size=n)
        found = rank_agreement(first, second)
        covered += found.low <= truth <= found.high
    assert covered / trials > 0.95 - 3 * math.sqrt(0.95 * 0.05 / trials)


def test_the_share_of_noise() -> None:
    assert share_of_noise([1.0, 2.0, 3.0], [0.5, 0.5, 0.5]) == pytest.approx(0.25)
    assert share_of_noise([1.0, 1.0], [0.1, 0.1]) == 1.0
    assert share_of_noise([1.0, 1.1], [9.0, 9.0]) == 1.0
