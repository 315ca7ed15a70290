"""Seeds far below all others: which they are, and when their number is evidence."""

from math import comb

import numpy as np
import pytest
from scipy.stats import fisher_exact

from pytest_mlregress.statistics.collapsed_seeds import collapsed_seeds
from pytest_mlregress.statistics.early_stop import plan_check

BASELINE = np.random.default_rng(0).normal(0.9, 0.01, 20)


def test_the_seeds_are_named_and_their_level_is_fishers():
    found = collapsed_seeds(BASELINE, np.array([0.9, 0.6, 0.89, 0.55, 0.9]), 0.02)
    assert found.positions == (1, 3)
    assert found.only_candidate
    table = [[2, 0], [3, 20]]
    assert found.fisher_level == pytest.approx(fisher_exact(table, alternative="greater").pvalue)
    assert found.fisher_level == pytest.approx(0.0333, abs=1e-4)


def test_three_of_five_are_shown_in_a_small_suite_and_two_are_not():
    three = collapsed_seeds(BASELINE, np.array([0.9, 0.6, 0.5, 0.55, 0.9]), 0.02)
    two = collapsed_seeds(BASELINE, np.array([0.9, 0.6, 0.9, 0.55, 0.9]), 0.02)
    assert three.shown(0.05)
    assert not three.shown(0.005)
    assert not two.shown(0.05)


def test_a_level_that_is_just_reached_counts():
    """Four of five have 5 / 12,650; a fifth of alpha may be that very number."""
    four = collapsed_seeds(BASELINE, np.array([0.9, 0.6, 0.5, 0.55, 0.5]), 0.02)
    alpha = comb(5, 4) / comb(25, 4) / 0.2
    assert four.shown(alpha)
    assert four.left_of(alpha, alpha) == pytest.approx(0.8 * alpha)


def test_a_collapsed_seed_of_the_baseline_takes_the_evidence_and_the_level():
    baseline = BASELINE.copy()
    baseline[3] = 0.5
    found = collapsed_seeds(baseline, np.array([0.9, 0.6, 0.5, 0.55, 0.9]), 0.02)
    assert found.in_baseline == 1
    assert not found.shown(0.5)


@pytest.mark.parametrize("margin", [0.5, np.inf])
def test_no_seed_collapses_within_the_margin_or_without_one(margin):
    assert collapsed_seeds(BASELINE, np.array([0.9, 0.6, 0.5]), margin).positions == ()


def test_non_finite_values_are_not_counted_here():
    assert collapsed_seeds(BASELINE, np.array([np.nan, 0.1, 0.1]), 0.02).positions == ()


def test_the_sum_of_both_tests_keeps_the_level_given_the_pooled_sample():
    """All relabellings of one pooled sample with three far values, 8 against 4 seeds."""
    from itertools import combinations

    pooled = np.array([1.0, 1.1, 0.9, 1.05, 0.95, 1.02, 0.98, 1.07, 0.93, -5.0, -5.5, -6.0])
    alpha, red, count = 0.2, 0, 0
    for chosen in combinations(range(12), 4):
        mask = np.zeros(12, dtype=bool)
        mask[list(chosen)] = True
        check = plan_check(pooled[~mask], (4,), higher_is_better=True, alpha=alpha)
        red += check.follow(pooled[~mask], pooled[mask])[-1].harm_shown
        count += 1
    assert 0 < red / count <= alpha
