"""dispersion_test: a change that only widens the spread."""

import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from sample_strategies import samples

from pytest_mlregress.statistics import dispersion_test


def brute_force(residuals, n_candidate):
    """P(ratio of mean absolute deviations >= the observed one), by the definition."""

    def log_ratio(chosen):
        mask = np.zeros(residuals.size, dtype=bool)
        mask[list(chosen)] = True
        spreads = [
            max(np.abs(side - np.median(side)).mean(), 1e-14)
            for side in (residuals[mask], residuals[~mask])
        ]
        return math.log(spreads[0] / spreads[1])

    observed = log_ratio(range(n_candidate))
    ratios = [log_ratio(c) for c in combinations(range(residuals.size), n_candidate)]
    return np.mean(np.array(ratios) >= observed - 1e-9)


def test_p_value_equals_brute_force():
    # Without values beyond 3 robust SDs nothing is winsorised.
    baseline, candidate = np.array([0.0, 1, 2, 3, 4.5]), np.array([-1.0, 2, 2.5, 6])
    residuals = np.concatenate((candidate - np.median(candidate), baseline - np.median(baseline)))
    result = dispersion_test(baseline, candidate)
    assert result.pvalue == pytest.approx(brute_force(residuals / 4, 4), abs=1e-12)
    assert result.ratio == pytest.approx((3.25 + 0.25 + 0.25 + 3.75) / 4 / ((2 + 1 + 1 + 2.5) / 5))


def test_a_wider_spread_of_the_same_mean_is_seen():
    generator = np.random.default_rng(3)
    baseline = generator.normal(0, 1, 20)
    candidate = generator.normal(0, 4, 8)
    assert dispersion_test(baseline, candidate).pvalue < 0.01
    assert dispersion_test(baseline, candidate, alternative="less").pvalue > 0.9
    assert dispersion_test(baseline, candidate).ratio > 2


def test_a_shift_is_no_spread():
    baseline, candidate = [1.0, 2, 4, 7], [1.0, 3, 4]
    moved = [x + 128 for x in candidate]
    assert dispersion_test(baseline, moved) == dispersion_test(baseline, candidate)


@settings(max_examples=40)
@given(samples(3), samples(3))
def test_swapping_the_sides_swaps_the_tails(baseline, candidate):
    wider = dispersion_test(baseline, candidate).pvalue
    narrower = dispersion_test(candidate, baseline, alternative="less").pvalue
    assert wider == pytest.approx(narrower, abs=1e-12)
    assert 0 < wider <= 1


def test_constants():
    assert dispersion_test([1, 1, 1], [2, 2, 2]).pvalue == 1
    assert math.isnan(dispersion_test([1, 1, 1], [2, 2, 2]).ratio)
    wider = dispersion_test([1.0] * 8, [1.0, 2, 4])
    assert wider.ratio == math.inf
    assert wider.pvalue < 0.2


def test_too_little_or_failed_data_is_nan():
    for baseline, candidate in (([1, 2], [1, 2, 3]), ([1, 2, 3], [1, 2, math.nan])):
        result = dispersion_test(baseline, candidate)
        assert math.isnan(result.pvalue)
        assert math.isnan(result.ratio)


def test_many_relabellings_are_drawn_with_the_observed_one_among_them():
    generator = np.random.default_rng(5)
    baseline, candidate = generator.normal(size=20), 100 * generator.normal(size=20)
    result = dispersion_test(baseline, candidate)
    assert result.pvalue == 1 / 60_001
    assert dispersion_test(baseline[::-1], candidate[::-1]).pvalue == result.pvalue


@pytest.mark.slow
@pytest.mark.parametrize("alpha", [0.05, 0.01])
@pytest.mark.parametrize(
    "draw",
    [
        lambda generator, n: generator.normal(size=n),
        lambda generator, n: generator.beta(20, 1, size=n),
        lambda generator, n: generator.standard_t(3, size=n),
        lambda generator, n: generator.integers(0, 5, size=n).astype(float),
    ],
    ids=["normal", "beta", "t3", "levels"],
)
def test_the_level_holds(draw, alpha):
    generator = np.random.default_rng(12)
    trials = 1000
    red = [
        dispersion_test(draw(generator, 20), draw(generator, 5)).pvalue <= alpha
        for _ in range(trials)
    ]
    assert np.mean(red) <= 1.2 * alpha + 3 * math.sqrt(alpha * (1 - alpha) / trials)
