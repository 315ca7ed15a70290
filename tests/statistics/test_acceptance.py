"""What acceptance asks of the data, and what no data can buy it with."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ttest_ind

from pytest_mlregress.statistics.acceptance import (
    SAFETY_LEVEL,
    Safety,
    excluded_loss,
    safety_levels,
)
from pytest_mlregress.statistics.comparison import compare
from pytest_mlregress.statistics.early_stop import plan_check
from pytest_mlregress.statistics.samples import winsorised_pair

BASELINE = np.random.default_rng(0).normal(0.9, 0.01, 20)


@pytest.mark.parametrize(
    ("looks", "levels"),
    [((3, 5), (0.0404, 0.1)), ((3, 6, 11), (0.0368, 0.0455, 0.1)), ((5,), (0.1,))],
)
def test_the_levels_spend_a_tenth_for_safety_alone(looks, levels):
    assert safety_levels(looks, 20) == pytest.approx(levels, abs=5e-5)


def test_the_levels_keep_their_sum_in_a_simulated_score_process():
    looks, n_baseline = (3, 6, 11), 20
    information = np.array([1 / (1 / n + 1 / n_baseline) for n in looks])
    generator = np.random.default_rng(1)
    steps = generator.normal(size=(200_000, 3)) * np.sqrt(np.diff(information, prepend=0.0))
    z = steps.cumsum(axis=1) / np.sqrt(information)
    levels = np.array(safety_levels(looks, n_baseline))
    from scipy.stats import norm

    interim = (z[:, :2] >= norm.isf(levels[:2])).any(axis=1).mean()
    assert interim == pytest.approx(SAFETY_LEVEL * information[1] / information[2], abs=0.002)


def test_the_welch_part_is_the_textbook_test_of_the_winsorised_values():
    candidate = BASELINE[:5] - 0.004
    found = compare(BASELINE, candidate, higher_is_better=True, margin=0.01).safety
    before, now = winsorised_pair(BASELINE, candidate + 0.01)
    expected = ttest_ind(now, before, equal_var=False, alternative="greater").pvalue
    assert found.p_welch == pytest.approx(expected)
    assert found.mean_loss == pytest.approx(BASELINE.mean() - candidate.mean())
    assert found.p == max(found.p_test, found.p_welch)


def test_a_loss_of_the_raw_mean_speaks_against_both_tests():
    safe = Safety(0.001, 0.001, mean_loss=0.5, median_loss=0.0)
    assert not safe.excludes(0.4, 0.1)
    assert safe.excludes(0.6, 0.1)
    assert not Safety(0.2, 0.001, 0.0, 0.0).excludes(0.6, 0.1)
    assert not Safety(0.001, 0.2, 0.0, 0.0).excludes(0.6, 0.1)


def test_one_constant_is_safe_at_any_margin():
    ones = np.ones(20)
    found = compare(ones, ones[:5], higher_is_better=True, margin=0.0)
    assert found.verdict == "pass"
    assert found.safety.excludes(0.0, 0.1)


def test_some_collapsed_seeds_among_healthy_ones_are_not_accepted():
    candidate = [0.90, 0.60, 0.905, 0.89, 0.55]
    last = plan_check(BASELINE, (3, 5), higher_is_better=True).follow(BASELINE, candidate)[-1]
    assert last.action == "inconclusive"
    assert last.collapsed.positions == (1, 4)
    assert last.excluded_loss > 0.1


def test_a_nan_in_the_baseline_hides_no_collapse():
    baseline = BASELINE.copy()
    baseline[7] = np.nan
    check = plan_check(baseline, (3, 5), higher_is_better=True)
    assert check.follow(baseline, np.full(5, 0.1) + BASELINE[:5] / 1e3)[-1].action == "reject"
    assert check.follow(baseline, BASELINE[:5])[-1].action == "accept"


def test_a_nan_in_the_candidate_is_never_green_where_it_fails():
    baseline = BASELINE.copy()
    baseline[7] = np.nan
    candidate = BASELINE[:5].copy()
    candidate[4] = np.nan
    last = plan_check(baseline, (5,), higher_is_better=True).follow(baseline, candidate)[-1]
    assert last.action == "inconclusive"
    assert last.comparison.safety.mean_loss == math.inf


def test_the_excluded_loss_is_found_by_halving():
    assert excluded_loss(lambda loss: loss >= 0.37, least=0.0, most=1.0) == pytest.approx(
        0.37, abs=0.01
    )
    assert excluded_loss(lambda loss: False, least=0.0, most=1.0) == math.inf
    assert excluded_loss(lambda loss: True, least=0.0, most=math.inf) == math.inf


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.floats(-3, 3), min_size=5, max_size=5),
    st.floats(0.2, 4),
    st.sampled_from(["auto", 1.0, 3.0]),
)
def test_what_an_inconclusive_check_excludes_it_does_exclude(noise, scale, margin):
    baseline = np.linspace(-2, 2, 20)
    check = plan_check(baseline, (5,), higher_is_better=True, margin=margin)
    candidate = scale * np.asarray(noise)
    last = check.follow(baseline, candidate)[-1]
    if last.action == "inconclusive" and math.isfinite(last.excluded_loss):
        again = compare(
            baseline, candidate, higher_is_better=True, margin=last.excluded_loss, beta=0.1
        )
        assert last.excluded_loss >= check.margin
        assert again.safety.excludes(last.excluded_loss, 0.1)
