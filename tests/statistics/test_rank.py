"""rank_test: exact with and without ties."""

import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sample_strategies import samples
from scipy import stats

from pytest_mlregress.statistics import rank_test
from pytest_mlregress.statistics.rank import failed_rank_pvalues, rank_pvalues


@pytest.mark.parametrize("alternative", ["two-sided", "less", "greater"])
@pytest.mark.parametrize(("n_baseline", "n_candidate"), [(20, 5), (3, 8), (1, 4), (30, 25)])
def test_equals_scipy_where_nothing_is_tied(n_baseline, n_candidate, alternative, rng):
    baseline, candidate = rng.normal(size=n_baseline), rng.normal(-0.5, 1, size=n_candidate)
    expected = stats.mannwhitneyu(candidate, baseline, alternative=alternative, method="exact")
    result = rank_test(baseline, candidate, alternative=alternative)
    assert result.statistic == expected.statistic
    assert result.pvalue == pytest.approx(expected.pvalue, rel=1e-9)


def test_ties_by_hand():
    # Midranks of 1 1 2 | 1 2: 2 2 4.5 | 2 4.5. The candidate's 6.5 is reached or undercut by all
    # pairs but the one of both 4.5s: 9 of 10.
    result = rank_test([1, 1, 2], [1, 2], alternative="less")
    assert result.pvalue == 9 / 10
    assert result.statistic == 2 * 0.5 + 2 + 0.5


@settings(max_examples=80)
@given(samples(), samples())
def test_equals_brute_force_with_ties(baseline, candidate):
    ranks = stats.rankdata(candidate + baseline)
    k = len(candidate)
    sums = np.array([ranks[list(c)].sum() for c in combinations(range(ranks.size), k)])
    observed = ranks[:k].sum()
    less = rank_test(baseline, candidate, alternative="less").pvalue
    greater = rank_test(baseline, candidate, alternative="greater").pvalue
    assert less == pytest.approx(np.mean(sums <= observed), abs=1e-12)
    assert greater == pytest.approx(np.mean(sums >= observed), abs=1e-12)
    both = rank_test(baseline, candidate).pvalue
    assert both == pytest.approx(min(1, 2 * min(less, greater)))


@settings(max_examples=50)
@given(samples(), samples())
def test_swapping_the_sides_swaps_the_tails(baseline, candidate):
    forwards = rank_test(baseline, candidate, alternative="less").pvalue
    backwards = rank_test(candidate, baseline, alternative="greater").pvalue
    assert forwards == pytest.approx(backwards, abs=1e-12)


def test_infinities_rank_and_nan_is_nan():
    assert rank_test([1, 2, 3], [-math.inf, math.inf]).pvalue == 1
    assert math.isnan(rank_test([1, 2], [math.nan, 1]).pvalue)


@settings(max_examples=80)
@given(st.integers(0, 6), st.integers(0, 5), st.integers(1, 3), st.integers(1, 3))
def test_ties_of_failed_seeds_never_help_either_alternative(
    n_baseline, n_candidate, failed_baseline, failed_candidate
):
    # Finite values that all differ: the failed seeds alone are tied.
    baseline, candidate = np.arange(n_baseline) + 0.5, 2.0 * np.arange(n_candidate)
    tie_breaks = np.random.default_rng(2).permutation(failed_baseline + failed_candidate)
    order = -10.0 - tie_breaks
    failed = failed_rank_pvalues(
        np.append(baseline, [-np.inf] * failed_baseline),
        np.append(candidate, [-np.inf] * failed_candidate),
    )
    broken = rank_pvalues(
        np.append(baseline, order[:failed_baseline]),
        np.append(candidate, order[failed_baseline:]),
    )
    assert failed.less >= broken.less - 1e-12
    assert failed.greater >= broken.greater - 1e-12


@settings(max_examples=40)
@given(
    st.lists(st.sampled_from([-np.inf, 0.0, 1.0, 2.0, 3.0, 4.0]), min_size=7, max_size=11),
    st.integers(1, 5),
)
def test_no_ties_raise_the_level(pooled, n_candidate):
    """Of all relabellings of any tied sample at most a share of a has a p-value of at most a."""
    values = np.array(pooled)
    tails = []
    for chosen in combinations(range(values.size), n_candidate):
        candidate = np.zeros(values.size, dtype=bool)
        candidate[list(chosen)] = True
        tails.append(failed_rank_pvalues(values[~candidate], values[candidate]))
    for level in (0.1, 0.05, 0.01, 0.005):
        assert np.mean([tail.less <= level for tail in tails]) <= level
        assert np.mean([tail.greater <= level for tail in tails]) <= level


def test_failed_ranks_are_the_rank_test_without_ties(rng):
    baseline, candidate = rng.normal(size=9), rng.normal(size=4)
    failed = failed_rank_pvalues(baseline, candidate)
    ranks = rank_pvalues(baseline, candidate)
    assert failed.less == pytest.approx(ranks.less, abs=1e-12)
    assert failed.greater == pytest.approx(ranks.greater, abs=1e-12)


def test_bad_alternative_is_named():
    with pytest.raises(ValueError, match=r"alternative must be one of .*; got 'worse'"):
        rank_test([1], [2], alternative="worse")
