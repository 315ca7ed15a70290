"""Suites of more than 10,000 comparisons: levels below what 200,000 relabellings show."""

from math import comb

import numpy as np
import pytest

from pytest_mlregress.statistics.early_stop import decide_at_look, plan_check
from pytest_mlregress.statistics.more_relabellings import with_more_relabellings
from pytest_mlregress.statistics.multiple_comparisons import comparison_alpha
from pytest_mlregress.statistics.permutation import welch_permutation_test
from pytest_mlregress.statistics.relabellings import (
    MAX_RELABELLINGS,
    _enumerated_sums,
    draws_for,
    smallest_attainable_p,
)
from pytest_mlregress.statistics.required_seeds import UnaffordableError, require_attainable
from pytest_mlregress.statistics.welch_order import ordered_as_t, tail_probabilities

OF_30_000 = comparison_alpha(0.05, 30_000)


def test_more_relabellings_are_drawn_only_below_what_200_000_show() -> None:
    assert draws_for(0.05) == draws_for(1 / (MAX_RELABELLINGS + 1)) == MAX_RELABELLINGS
    assert draws_for(4.9e-6) == 2_200_000
    assert draws_for(1e-9) == draws_for(1e-7) == 100_000_000
    assert smallest_attainable_p(20, 20, draws_for(1e-6)) == 1 / 10_000_001
    assert smallest_attainable_p(20, 8, draws_for(1e-6)) == 1 / comb(28, 8)
    assert smallest_attainable_p(20, 5, draws_for(1e-6)) == 1 / comb(25, 5)


@pytest.mark.parametrize(("n_baseline", "n_candidate"), [(20, 10), (20, 8), (10, 20)])
def test_all_relabellings_of_one_half_that_is_far_below(n_baseline: int, n_candidate: int) -> None:
    draws = np.random.default_rng(n_candidate)
    baseline, candidate = draws.normal(size=n_baseline), draws.normal(size=n_candidate) - 30.0
    (first,) = welch_permutation_test([(baseline, candidate)])
    assert first.less == 1 / (MAX_RELABELLINGS + 1)
    found = with_more_relabellings(first, baseline, candidate, 2_000_000)
    exact = 1 / comb(n_baseline + n_candidate, n_candidate)
    assert 1 / 2_000_001 <= found.less < exact + 5 / 2_000_001
    assert found.greater == first.greater


def test_a_p_value_that_decides_already_stays() -> None:
    draws = np.random.default_rng(0)
    baseline, candidate = draws.normal(size=20), draws.normal(size=10)
    (first,) = welch_permutation_test([(baseline, candidate)])
    assert with_more_relabellings(first, baseline, candidate, 10**9) is first


def test_more_relabellings_estimate_the_same_p_value() -> None:
    """Of 3.1 million relabellings of 8 and 20 seeds all can be counted."""
    draws = np.random.default_rng(3)
    baseline, candidate = draws.normal(size=20), draws.normal(size=8) - 3.0
    (first,) = welch_permutation_test([(baseline, candidate)])
    found = with_more_relabellings(first, baseline, candidate, 4_000_000)
    pooled = np.concatenate((candidate, baseline))
    exact = _exact_p(pooled, 8)
    assert found != first
    assert abs(found.less - exact) < 5 * np.sqrt(exact / 4_000_000) + 1 / 4_000_000


def _exact_p(pooled: np.ndarray, n: int) -> float:
    values = (pooled - pooled.mean()) / np.abs(pooled - pooled.mean()).max()
    sums, squares = _enumerated_sums(np.array([values, values**2]), n)
    return tail_probabilities(ordered_as_t(values, sums, squares, n)).less


def test_a_suite_of_30_000_comparisons_is_affordable() -> None:
    for alpha in (OF_30_000, 0.05 / 8_500, 0.05 / 300_000):
        require_attainable((5, 10, 20), n_baseline=20, alpha=alpha)
    with pytest.raises(UnaffordableError, match=r"below 1\.88e-05; 7 seeds per check or"):
        require_attainable((5,), n_baseline=20, alpha=OF_30_000)


def test_a_collapse_is_red_among_30_000_comparisons_and_an_unchanged_test_green() -> None:
    draws = np.random.default_rng(1)
    baseline = draws.normal(0.9, 0.004, size=20)
    check = plan_check(baseline, (5, 10, 20), higher_is_better=True, alpha=OF_30_000)
    collapsed = draws.normal(0.7, 0.004, size=20)
    decisions = check.follow(baseline, collapsed)
    assert decisions[-1].action == "reject"
    assert decisions[-1].comparison.p_harm < OF_30_000
    assert decisions[-1].comparison.smallest_p < OF_30_000
    unchanged = check.follow(baseline, draws.normal(0.9, 0.004, size=20))
    assert [decision.action for decision in unchanged] == ["accept"]


def test_up_to_10_000_comparisons_a_look_draws_what_it_always_did() -> None:
    draws = np.random.default_rng(2)
    baseline = draws.normal(size=20)
    check = plan_check(baseline, (5, 10), higher_is_better=True, alpha=0.05 / 5_000)
    found = decide_at_look(1, baseline, draws.normal(size=10) - 9.0, check=check)
    assert found.comparison.p_harm == found.comparison.smallest_p == 1 / (MAX_RELABELLINGS + 1)


@pytest.mark.slow
def test_the_level_is_kept_by_either_number_of_relabellings() -> None:
    """Scaled down: 999 relabellings, and 20,000 more where at most 20 of them are beyond."""
    draws = np.random.default_rng(4)
    repetitions, first, more = 40_000, 999, 19_000
    ranks = draws.random(repetitions)  # the p-value of all relabellings, uniform
    beyond = draws.binomial(first, ranks)
    p = (1 + beyond) / (1 + first)
    p = np.where(beyond < 20, (1 + beyond + draws.binomial(more, ranks)) / (1 + first + more), p)
    for level in (0.0005, 0.001, 0.005, 0.01, 0.0205, 0.05, 0.2):
        reached = np.mean(p <= level)
        assert reached <= level + 4 * np.sqrt(level / repetitions)
