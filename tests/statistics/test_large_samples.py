"""Hundreds of seeds: the limits agree with what they replace, and a verdict takes a second."""

import math
import time

import numpy as np
import pytest
from scipy import stats

from pytest_mlregress.looks import default_looks
from pytest_mlregress.statistics import (
    dispersion_test,
    effect_sizes,
    plan_check,
    rank_test,
)
from pytest_mlregress.statistics.large_samples import (
    LEAST_SIDE,
    MOST_SKEW,
    has_limit,
    sum_limit,
    welch_limit,
)
from pytest_mlregress.statistics.permutation import welch_permutation_test
from pytest_mlregress.statistics.rank import (
    _rank_sum_distribution,
    _untied,
    failed_rank_pvalues,
    shift_interval_index,
)
from pytest_mlregress.statistics.relabellings import (
    MAX_RELABELLINGS,
    relabelled_sums,
    smallest_attainable_p,
)
from pytest_mlregress.statistics.samples import winsorise, winsorised_pair
from pytest_mlregress.statistics.welch_order import ordered_as_t, tail_probabilities

DRAWS = {
    "normal": lambda rng, n: rng.normal(size=n),
    "lognormal": lambda rng, n: -rng.lognormal(0, 0.6, n),
    "bimodal": lambda rng, n: np.where(rng.random(n) < 0.3, -2, 1) + rng.normal(0, 0.4, n),
    "10 % diverged": lambda rng, n: np.where(rng.random(n) < 0.1, 0.1, rng.beta(45, 5, n)),
}


def scaled(values):
    centred = values - values.mean()
    return centred / np.abs(centred).max()


def drawn(values, n_candidate):
    """The tails as draws of relabellings give them."""
    sums = relabelled_sums(np.array([values, values**2]), n_candidate)
    return tail_probabilities(ordered_as_t(values, sums[0], sums[1], n_candidate))


@pytest.mark.parametrize("name", DRAWS)
@pytest.mark.parametrize(("sides", "shift"), [((50, 50), -0.6), ((50, 130), -0.3)])
def test_the_limit_is_as_close_to_the_draws_as_their_noise(name, shift, sides, rng):
    n_candidate, n_baseline = sides
    values = DRAWS[name](rng, n_candidate + n_baseline)
    values[:n_candidate] += shift * values.std()
    values = scaled(winsorise(values))
    assert has_limit(values, n_candidate)
    limit = welch_limit(values, n_candidate, 1 / (MAX_RELABELLINGS + 1))
    draws = drawn(values, n_candidate)
    for close, noisy in ((limit.less, draws.less), (limit.greater, draws.greater)):
        # Within 1e-3 of the draws where those are steady, and 4 of their standard errors.
        error = math.sqrt(noisy * (1 - noisy) / MAX_RELABELLINGS)
        assert abs(close - noisy) < max(1e-3, 4 * error)
        assert abs(close - noisy) < 0.1 * noisy + 4 * error


def test_ties_count_against_either_alternative(rng):
    values = scaled(rng.choice(3, size=120).astype(float))
    limit = welch_limit(values, 60, 1 / (MAX_RELABELLINGS + 1))
    draws = drawn(values, 60)
    assert limit.less == pytest.approx(draws.less, abs=3e-3)
    assert limit.greater == pytest.approx(draws.greater, abs=3e-3)
    assert limit.less + limit.greater > 1


def test_few_skewed_seeds_against_many_are_drawn(rng):
    skewed = scaled((rng.random(50 + 1000) < 0.05).astype(float))
    assert not has_limit(skewed, 50)
    assert has_limit(skewed[:100], 50)
    assert not has_limit(rng.normal(size=LEAST_SIDE + 100), LEAST_SIDE - 1)
    assert MOST_SKEW < 1


def test_no_p_value_of_many_seeds_is_below_that_of_draws(rng):
    far = (rng.normal(size=70), rng.normal(-50, 1, size=70))
    (tails,) = welch_permutation_test([far])
    assert tails.less == smallest_attainable_p(70, 70) == 1 / (MAX_RELABELLINGS + 1)
    assert tails.greater == pytest.approx(1.0, abs=1e-4)
    (constants,) = welch_permutation_test([(np.full(60, 2.0), np.full(60, 1.0))])
    assert (constants.less, constants.greater) == (smallest_attainable_p(60, 60), 1.0)
    (same,) = welch_permutation_test([(np.full(60, 2.0), np.full(60, 2.0))])
    assert (same.less, same.greater) == (1.0, 1.0)


def test_the_limit_keeps_its_level():
    rng = np.random.default_rng(11)
    for draw in DRAWS.values():
        pairs = (winsorised_pair(draw(rng, 150), draw(rng, 60)) for _ in range(800))
        pvalues = [welch_permutation_test([pair])[0].less for pair in pairs]
        for level in (0.1, 0.01):
            error = math.sqrt(level * (1 - level) / len(pvalues))
            assert abs(np.mean(np.array(pvalues) <= level) - level) < 4 * error


@pytest.mark.parametrize(("n", "chosen"), [(70, 5), (70, 65), (300, 40)])
def test_draws_of_the_smaller_side_choose_evenly(n, chosen):
    columns = np.vstack((np.ones(n), np.arange(n) == 0, np.arange(n) == n - 1)).astype(float)
    sums = relabelled_sums(columns, chosen)
    assert sums.shape == (3, MAX_RELABELLINGS + 1)
    np.testing.assert_allclose(sums[0], chosen)
    assert (sums[1, 0], sums[2, 0]) == (1.0, 0.0)
    share = chosen / n
    error = math.sqrt(share * (1 - share) / MAX_RELABELLINGS)
    assert abs(sums[1, 1:].mean() - share) < 5 * error
    assert abs(sums[2, 1:].mean() - share) < 5 * error
    np.testing.assert_array_equal(sums, relabelled_sums(columns, chosen))


@pytest.mark.parametrize(("size", "n"), [(50, 100), (50, 140), (33, 303)])
def test_rank_sums_agree_at_the_switch(size, n):
    ranks = _untied(n)
    exact = _rank_sum_distribution(tuple(ranks.tolist()), size)
    for observed in range(size * (size + 1), exact.shape[1], 14):
        limit = sum_limit(ranks.astype(float), size, observed, 2.0)
        assert limit.less == pytest.approx(exact[0, observed], abs=1e-4)
        assert limit.greater == pytest.approx(exact[1, observed], abs=1e-4)
        if exact[0, observed] > 1e-3:
            assert limit.less == pytest.approx(exact[0, observed], rel=2e-3)


def test_tied_ranks_of_many_seeds_agree_with_scipy(rng):
    baseline, candidate = rng.binomial(20, 0.5, 150), rng.binomial(20, 0.48, 120)
    expected = stats.mannwhitneyu(candidate, baseline, alternative="less", method="asymptotic")
    found = rank_test(baseline, candidate, alternative="less")
    assert found.statistic == expected.statistic
    assert found.pvalue == pytest.approx(expected.pvalue, rel=0.02)


def test_failed_seeds_stay_on_the_safe_side_of_many_seeds(rng):
    baseline, candidate = rng.normal(size=90), rng.normal(-0.2, 1, size=80)
    whole = failed_rank_pvalues(baseline, candidate)
    candidate[:3] = baseline[0] = -np.inf
    failed = failed_rank_pvalues(baseline, candidate)
    assert failed.greater >= whole.greater
    assert 0 < failed.less <= 1


def test_the_shift_interval_index_is_continuous_at_the_switch():
    below, above = (shift_interval_index(n, n, 0.025) for n in (LEAST_SIDE - 1, LEAST_SIDE))
    # The exact table of 50 against 50 gives 964.
    exact = _rank_sum_distribution(tuple(_untied(100).tolist()), 50)[0, 50 * 51 :: 2]
    assert above == int(np.searchsorted(exact, 0.025, side="right")) - 1
    assert below < above


def test_dispersion_of_many_seeds_draws_fewer_and_finds_a_spread(rng):
    start = time.process_time()
    wider = dispersion_test(rng.normal(size=1000), 1.3 * rng.normal(size=1000))
    assert time.process_time() - start < 5.0
    assert wider.pvalue == 1 / 2001
    assert wider.ratio == pytest.approx(1.3, rel=0.1)


def test_a_verdict_of_a_thousand_seeds_takes_a_second(rng):
    baseline, candidate = rng.normal(size=1000), rng.normal(size=1000)
    start = time.process_time()
    check = plan_check(baseline, default_looks(1000), higher_is_better=True, margin=0.5)
    decision = check.follow(baseline, candidate)[-1]
    sizes = effect_sizes(baseline, candidate, higher_is_better=True)
    assert time.process_time() - start < 3.0  # a third of it on an idle machine
    assert decision.action == "accept"
    low, high = sizes.shift_interval
    assert low < 0 < high
    assert high - low < 0.3
