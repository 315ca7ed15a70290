"""Effect sizes beside a verdict."""

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given, settings
from sample_strategies import samples
from scipy import stats

from pytest_mlregress.statistics import effect_sizes, rank_test


def test_hodges_lehmann_by_hand():
    # Differences 3 4 | 1 2 | -1 0: their median is 1.5.
    result = effect_sizes([0, 2, 4], [3, 4], higher_is_better=True)
    assert result.shift == 1.5
    assert result.shift_interval == (-math.inf, math.inf)


def test_the_shift_interval_inverts_the_rank_test(rng):
    baseline, candidate = rng.normal(size=12), rng.normal(1, 1, size=6)
    low, high = effect_sizes(baseline, candidate, higher_is_better=True).shift_interval
    tiny = 1e-9
    for inside in (low + tiny, high - tiny):
        assert rank_test(baseline, candidate - inside).pvalue > 0.05
    for outside in (low - tiny, high + tiny):
        assert rank_test(baseline, candidate - outside).pvalue <= 0.05


def test_the_shift_interval_covers():
    generator = np.random.default_rng(7)
    covered = 0
    for _ in range(400):
        interval = effect_sizes(
            generator.standard_t(3, size=10),
            generator.standard_t(3, size=5) + 1,
            higher_is_better=True,
            level=0.9,
        ).shift_interval
        covered += interval[0] <= 1 <= interval[1]
    assert covered / 400 > 0.9 - 3 * math.sqrt(0.09 / 400)


def test_probability_of_being_worse_by_hand():
    # Of six pairs 1 win for the candidate, 1 tie, 4 losses.
    assert effect_sizes([1, 2, 3], [1, 1.5], higher_is_better=True).probability_worse == 4.5 / 6
    assert effect_sizes([1, 2, 3], [1, 1.5], higher_is_better=False).probability_worse == 1.5 / 6


def test_failed_seeds_are_worse_and_spoil_the_other_estimates():
    result = effect_sizes([1.0, 2.0], [5.0, math.inf], higher_is_better=True)
    assert result.probability_worse == 0.5
    assert math.isnan(result.shift)
    assert result.shift_interval == (-math.inf, math.inf)
    assert math.isnan(result.sd_ratio)
    assert math.isnan(result.hedges_g)


def test_hedges_g_with_its_exact_correction(rng):
    baseline, candidate = rng.normal(size=6), rng.normal(1, 1, size=4)
    pooled = math.sqrt((5 * baseline.var(ddof=1) + 3 * candidate.var(ddof=1)) / 8)
    correction = math.gamma(4) / (math.sqrt(4) * math.gamma(3.5))
    expected = correction * (candidate.mean() - baseline.mean()) / pooled
    result = effect_sizes(baseline, candidate, higher_is_better=True)
    assert result.hedges_g == pytest.approx(expected, rel=1e-9)


def test_sd_ratio():
    assert effect_sizes([0, 1, 2], [0, 3, 6], higher_is_better=True).sd_ratio == pytest.approx(3)
    assert effect_sizes([1, 1], [0, 3], higher_is_better=True).sd_ratio == math.inf
    assert math.isnan(effect_sizes([1, 1], [2, 2], higher_is_better=True).sd_ratio)
    assert math.isnan(effect_sizes([1], [2, 3], higher_is_better=True).sd_ratio)


@settings(max_examples=50)
@given(samples(2), samples(2))
def test_estimates_follow_the_data(baseline, candidate):
    result = effect_sizes(baseline, candidate, higher_is_better=True)
    flipped = effect_sizes([-x for x in baseline], [-x for x in candidate], higher_is_better=True)
    assert flipped.shift == -result.shift
    assert flipped.probability_worse == pytest.approx(1 - result.probability_worse)
    assert result.shift_interval[0] <= result.shift <= result.shift_interval[1]
    u = stats.mannwhitneyu(candidate, baseline).statistic
    assert 1 - result.probability_worse == pytest.approx(u / len(baseline) / len(candidate))


def test_plain_values_and_a_bad_level():
    result = effect_sizes(np.array([1.0, 2, 3]), np.array([1, 2, 4]), higher_is_better=True)
    for value in dataclasses.astuple(result):
        assert {type(item) for item in (value if isinstance(value, tuple) else (value,))} == {float}
    with pytest.raises(ValueError, match="level=1 is not a probability"):
        effect_sizes([1, 2], [1, 2], higher_is_better=True, level=1)
