"""rank_test: exact with and without ties."""

import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from sample_strategies import samples
from scipy import stats

from pytest_mlregress.statistics import rank_test
from pytest_mlregress.statistics.rank import doubtful_rank_pvalues, rank_pvalues


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
@given(samples(), samples())
def test_doubtful_ties_never_help_either_alternative(baseline, candidate):
    baseline, candidate = np.array(baseline), np.array(candidate)
    doubtful = doubtful_rank_pvalues(baseline, candidate)
    tie_breaks = np.random.default_rng(2).permutation(baseline.size + candidate.size) * 1e-6
    broken = rank_pvalues(
        baseline + tie_breaks[: baseline.size], candidate + tie_breaks[baseline.size :]
    )
    assert doubtful.less >= broken.less - 1e-12
    assert doubtful.greater >= broken.greater - 1e-12


def test_doubtful_ranks_are_the_rank_test_without_ties(rng):
    baseline, candidate = rng.normal(size=9), rng.normal(size=4)
    doubtful = doubtful_rank_pvalues(baseline, candidate)
    ranks = rank_pvalues(baseline, candidate)
    assert doubtful.less == pytest.approx(ranks.less, abs=1e-12)
    assert doubtful.greater == pytest.approx(ranks.greater, abs=1e-12)


def test_bad_alternative_is_named():
    with pytest.raises(ValueError, match=r"alternative must be one of .*; got 'worse'"):
        rank_test([1], [2], alternative="worse")
