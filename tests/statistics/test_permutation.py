"""The permutation distribution: complete where it is enumerated, honest where it is drawn."""

from itertools import combinations
from math import comb

import numpy as np
import pytest

from pytest_mlregress.statistics.permutation import welch_permutation_test
from pytest_mlregress.statistics.relabellings import (
    MAX_RELABELLINGS,
    relabelled_sums,
    smallest_attainable_p,
)


@pytest.mark.parametrize(("n", "chosen"), [(2, 1), (5, 1), (5, 4), (7, 3), (8, 4), (9, 7), (25, 3)])
def test_every_relabelling_is_enumerated_once_the_observed_first(n, chosen, rng):
    # Powers of two: a sum of distinct ones names its subset.
    columns = np.vstack((np.exp2(np.arange(n)), rng.normal(size=n)))
    sums = relabelled_sums(columns, chosen)
    expected = [
        [column[list(subset)].sum() for subset in combinations(range(n), chosen)]
        for column in columns
    ]
    assert sums[0, 0] == columns[0, :chosen].sum()
    assert sorted(sums[0]) == sorted(expected[0])
    order, expected_order = np.argsort(sums[0]), np.argsort(expected[0])
    np.testing.assert_allclose(sums[1][order], np.array(expected[1])[expected_order], atol=1e-12)


def test_many_relabellings_are_drawn_with_the_observed_one_among_them():
    assert comb(40, 20) > MAX_RELABELLINGS
    columns = np.exp2(np.arange(40))[None]
    sums = relabelled_sums(columns, 20)
    assert sums.shape == (1, MAX_RELABELLINGS + 1)
    assert sums[0, 0] == columns[0, :20].sum()
    members = sums[0].astype(np.int64)[:, None] >> np.arange(40) & 1
    assert (members.sum(axis=1) == 20).all()
    # Each position is chosen half of the time: 5 standard errors.
    assert np.abs(members.mean(axis=0) - 0.5).max() < 5 * 0.5 / np.sqrt(MAX_RELABELLINGS)


def test_drawn_p_values_follow_the_add_one_rule_and_repeat():
    far = (np.arange(20.0) + 100, np.arange(20.0))
    (first,) = welch_permutation_test([far])
    (second,) = welch_permutation_test([far])
    assert first == second
    assert first.less == 1 / (MAX_RELABELLINGS + 1)
    assert first.greater == 1.0


def test_drawn_p_value_is_near_the_normal_one(rng):
    baseline, candidate = rng.normal(size=30), rng.normal(-0.4, 1, size=30)
    (tails,) = welch_permutation_test([(baseline, candidate)])
    from scipy import stats

    classical = stats.ttest_ind(candidate, baseline, equal_var=False, alternative="less").pvalue
    assert tails.less == pytest.approx(classical, rel=0.1)


def test_pairs_tested_together_are_tested_alone(rng):
    pairs = [(rng.normal(size=5), rng.normal(size=3)) for _ in range(3)]
    together = welch_permutation_test(pairs)
    assert together == [welch_permutation_test([pair])[0] for pair in pairs]


def test_smallest_attainable_p():
    assert smallest_attainable_p(3, 3) == 1 / 20
    assert smallest_attainable_p(20, 5) == 1 / 53130
    assert smallest_attainable_p(20, 20) == 1 / 200_001
