"""Matched seeds: the linked samples, their independence, and what history must show."""

import math

import numpy as np
import pytest
import scipy.stats as stats
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_mlregress.statistics import (
    EarlierRun,
    equivalent_seeds,
    estimate_theta,
    seed_linked,
    t_test,
)
from pytest_mlregress.statistics.skewness import skewness_z

BASELINE = {0: 1.0, 1: 3.0, 2: 2.0, 3: 6.0}


def test_linked_samples_by_hand():
    # Half of the baseline is matched: the weight is 0.5 + 0.5 * 2 / 4 = 0.75.
    linked = seed_linked(BASELINE, {1: 4.0, 0: 2.0}, 0.5)
    assert linked.weight == 0.75
    assert linked.candidate == (2 - 0.75 * 1, 4 - 0.75 * 3)
    assert linked.baseline == (0.25 * 2, 0.25 * 6)
    assert (linked.test, linked.theta) == ("welch", 0.5)


@settings(max_examples=50)
@given(
    st.lists(st.floats(-10, 10), min_size=4, max_size=8),
    st.lists(st.floats(-10, 10), min_size=2, max_size=8),
    st.floats(0, 1),
)
def test_the_estimate_is_that_of_the_whole_baseline(baseline, candidate, theta):
    candidate = candidate[: len(baseline)]
    linked = seed_linked(dict(enumerate(baseline)), dict(enumerate(candidate)), theta)
    ours = np.mean(linked.candidate) - np.mean(linked.baseline)
    if linked.test == "welch":
        matched = np.array(baseline[: len(candidate)])
        x, y = np.array(candidate) - theta * matched, (1 - theta) * np.array(baseline)
        assert ours == pytest.approx(x.mean() - y.mean(), abs=1e-9)
    else:
        pairs = np.array(candidate) - baseline[: len(candidate)]
        assert ours == pytest.approx(pairs.mean(), abs=1e-9)


@pytest.mark.parametrize("theta", [1.0, 0.4])
def test_without_unmatched_seeds_it_is_the_paired_t_test(theta):
    candidate = {0: 1.5, 1: 3.4, 2: 2.6, 3: 6.2} if theta < 1 else {0: 1.5, 1: 3.4, 3: 6.2}
    linked = seed_linked(BASELINE, candidate, theta)
    assert linked.test == "paired"
    ours = t_test(linked.baseline, linked.candidate, kind="paired")
    expected = t_test([BASELINE[s] for s in candidate], list(candidate.values()), kind="paired")
    assert ours.statistic == pytest.approx(expected.statistic)
    assert ours.pvalue == pytest.approx(expected.pvalue)


def test_a_single_unmatched_seed_knows_no_spread_and_is_left_out():
    linked = seed_linked(BASELINE, {0: 1.0, 1: 3.5, 2: 2.5}, 0.5)
    assert (linked.test, linked.weight) == ("paired", 1.0)
    assert linked.candidate == (0.0, 0.5, 0.5)


@pytest.mark.parametrize("rho", [0.0, 0.9])
@pytest.mark.parametrize("theta", [0.6, 0.95])
def test_the_level_holds_whatever_the_correlation_is_today(theta, rho):
    generator = np.random.default_rng(8)
    trials, red = 1500, 0
    for _ in range(trials):
        baseline = generator.normal(size=12)
        candidate = rho * baseline[:6] + math.sqrt(1 - rho**2) * generator.normal(size=6)
        linked = seed_linked(dict(enumerate(baseline)), dict(enumerate(candidate)), theta)
        red += (
            t_test(linked.baseline, linked.candidate, kind="welch", alternative="less").pvalue
            < 0.05
        )
    assert red / trials < 0.05 + 3 * math.sqrt(0.05 * 0.95 / trials)


def test_equivalent_seeds_are_those_of_the_variance():
    generator = np.random.default_rng(9)
    rho = theta = 0.95
    estimates = []
    for _ in range(4000):
        baseline = generator.normal(size=20)
        candidate = rho * baseline[:5] + math.sqrt(1 - rho**2) * generator.normal(size=5)
        linked = seed_linked(dict(enumerate(baseline)), dict(enumerate(candidate)), theta)
        estimates.append(np.mean(linked.candidate) - np.mean(linked.baseline))
    gain = (1 / 5 + 1 / 20) / np.var(estimates)
    assert equivalent_seeds(20, 5, theta=theta, rho=rho) == pytest.approx(5 * gain, rel=0.1)


def test_equivalent_seeds_by_hand():
    # Nothing is linked: as many as there are. Wrongly linked: the paired variance is 2 / n.
    assert equivalent_seeds(20, 5, theta=0.0, rho=0.0) == pytest.approx(5)
    assert equivalent_seeds(5, 5, theta=1.0, rho=0.0) == pytest.approx(5)
    assert equivalent_seeds(20, 5, theta=1.0, rho=0.0) < 5
    assert equivalent_seeds(5, 5, theta=1.0, rho=0.99) == pytest.approx(500)
    assert equivalent_seeds(5, 5, theta=1.0, rho=1.0) == math.inf


def earlier(commit, n, slope=0.8, noise=0.1, shift=0.0, seed=3):
    generator = np.random.default_rng(seed)
    baseline = generator.normal(size=n)
    candidate = shift + slope * baseline + noise * generator.normal(size=n)
    return EarlierRun(commit, tuple(zip(baseline.tolist(), candidate.tolist(), strict=True)))


def test_theta_is_the_slope_within_runs():
    pairs = ((0.0, 10.0), (1.0, 10.5), (2.0, 11.0))
    moved = tuple((b + 7, c - 30) for b, c in pairs)
    estimate = estimate_theta([EarlierRun("a", pairs), EarlierRun("b", moved)])
    assert (estimate.theta, estimate.rho) == pytest.approx((0.5, 1.0))
    assert (estimate.n_pairs, estimate.n_commits) == (6, 2)


def test_theta_stays_between_0_and_1():
    assert estimate_theta([earlier("a", 8, slope=1.4), earlier("b", 8, slope=1.4)]).theta == 1.0
    assert estimate_theta([earlier("a", 8, slope=-1), earlier("b", 8, slope=-1)]).theta == 0.0


def test_enough_correlated_history_is_eligible():
    estimate = estimate_theta([earlier("a", 10), earlier("b", 10, shift=9)])
    assert estimate.eligible
    assert estimate.reason == ""
    assert estimate.rho > 0.9


@pytest.mark.parametrize(
    ("history", "reason"),
    [
        ([], "0 matched seeds in earlier runs, 20 needed"),
        ([earlier("a", 9), earlier("b", 10)], "19 matched seeds in earlier runs, 20 needed"),
        ([earlier("a", 20)], "1 commit in earlier runs, 2 needed"),
        (
            [earlier("a", 10, slope=0, seed=1), earlier("b", 10, slope=0, seed=2)],
            "with 90 % confidence, 0.5 needed",
        ),
    ],
)
def test_too_little_history_says_what_is_missing(history, reason):
    estimate = estimate_theta(history)
    assert not estimate.eligible
    assert reason in estimate.reason


def test_a_bit_identical_run_is_no_evidence():
    same = tuple((value, value) for value in np.random.default_rng(5).normal(size=20).tolist())
    assert estimate_theta([EarlierRun("a", same), EarlierRun("b", same)]).n_pairs == 0
    moved = [earlier("c", 20, slope=0.3, noise=1.0), earlier("d", 20, slope=0.3, noise=1.0)]
    assert estimate_theta([EarlierRun("a", same), *moved]) == estimate_theta(moved)


def test_the_bound_of_rho_is_fishers_by_hand():
    estimate = estimate_theta([earlier("a", 12, noise=0.8), earlier("b", 12, noise=0.8, seed=4)])
    expected = math.tanh(math.atanh(estimate.rho) - 1.2815515655 / math.sqrt(24 - 2 - 2))
    assert estimate.rho_lower == pytest.approx(expected)
    assert estimate.eligible == (expected >= 0.5)


@pytest.mark.parametrize("n", [8, 20, 57])
def test_skewness_is_that_of_scipy(n):
    values = np.random.default_rng(n).lognormal(size=n)
    assert skewness_z(values) == pytest.approx(stats.skewtest(values).statistic)
    assert skewness_z(-values) == pytest.approx(-skewness_z(values))


def test_a_tail_at_the_good_end_is_what_counts_as_skewed():
    generator = np.random.default_rng(6)
    runs = []
    for commit in "ab":
        baseline = generator.normal(size=20)
        candidate = baseline + 0.3 * generator.lognormal(size=20)
        runs.append(EarlierRun(commit, tuple(zip(baseline, candidate, strict=True))))
    estimate = estimate_theta(runs)
    assert estimate.skewed(higher_is_better=True)
    assert not estimate.skewed(higher_is_better=False)


def test_failed_and_single_pairs_teach_nothing():
    failed = EarlierRun("c", ((math.nan, 1.0), (2.0, math.inf), (1.0, 2.0)))
    history = [earlier("a", 5), earlier("b", 5)]
    assert estimate_theta([*history, failed]) == estimate_theta(history)
    constant = [EarlierRun("a", ((1.0, 2.0),) * 6), EarlierRun("b", ((1.0, 2.0),) * 6)]
    assert estimate_theta(constant).rho == 0.0


@pytest.mark.parametrize(
    ("candidate", "theta", "message"),
    [
        ({0: 1.0, 1: 2.0}, 1.5, "theta=1.5; allowed is 0 <= theta <= 1"),
        ({0: 1.0, 9: 2.0}, 1.0, r"seeds \[9\] have no baseline value"),
        ({0: 1.0}, 1.0, "1 matched seed; linking needs at least 2"),
        ({0: 1.0, 1: math.nan}, 1.0, "non-finite value cannot be linked"),
    ],
)
def test_what_cannot_be_linked_is_named(candidate, theta, message):
    with pytest.raises(ValueError, match=message):
        seed_linked(BASELINE, candidate, theta)


def test_more_linked_seeds_than_the_baseline_has_are_refused():
    with pytest.raises(ValueError, match="6 linked seeds of 5 baseline seeds"):
        equivalent_seeds(5, 6, theta=1.0, rho=0.9)
