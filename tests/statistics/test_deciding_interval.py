"""The interval that is shown says what the tests said: 0 and the margin are out where they did."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import stdtrit

from pytest_mlregress.statistics.comparison import Comparison, compare
from pytest_mlregress.statistics.deciding_interval import (
    DecidingInterval,
    classical_interval,
    deciding_interval,
)
from pytest_mlregress.statistics.early_stop import plan_check
from pytest_mlregress.statistics.linked_check import plan_linked_check
from pytest_mlregress.statistics.live_pairs import plan_live_pairs
from pytest_mlregress.statistics.one_sided_tests import ComparisonTest
from pytest_mlregress.statistics.run_noise import RunNoise
from pytest_mlregress.statistics.shift_tests import OrientedSamples
from pytest_mlregress.statistics.t_tests import mean_difference

TESTS: tuple[ComparisonTest, ...] = ("robust-t", "rank", "welch", "student", "paired")


def oriented(
    baseline, candidate, *, higher_is_better: bool = True, live_pairs: bool = False
) -> OrientedSamples:
    sign = 1.0 if higher_is_better else -1.0
    return OrientedSamples(
        tuple((seed, sign * float(value)) for seed, value in enumerate(baseline)),
        tuple((seed, sign * float(value)) for seed, value in enumerate(candidate)),
        live_pairs,
    )


def assert_agrees(found: DecidingInterval, comparison: Comparison, limit: float) -> None:
    """Harm is shown where all of the interval is a loss; a pass where none of it is the margin."""
    sign = 1.0 if comparison.higher_is_better else -1.0
    low, high = sorted((sign * found.low, sign * found.high))
    assert (high < 0.0) == (comparison.p_harm <= limit)
    assert low <= sign * comparison.difference
    if math.isfinite(comparison.margin) and comparison.margin > 0.0:
        safe = comparison.safety.excludes(comparison.margin, comparison.beta)
        assert (low > -comparison.margin) == safe


def test_of_welch_it_is_the_classical_one_with_a_level_at_each_end():
    """Two samples of 3 with means 0 and 1: standard error sqrt(2/3), 4 degrees of freedom."""
    comparison = compare(
        [-1, 0, 1], [0, 1, 2], higher_is_better=True, margin=5, alpha=0.02, beta=0.1, test="welch"
    )
    found = deciding_interval(oriented([-1, 0, 1], [0, 1, 2]), comparison, 0.02)
    error = math.sqrt(2 / 3)
    assert found.level == pytest.approx(0.88)
    assert found.inverted
    assert found.low == pytest.approx(1 - float(stdtrit(4, 0.9)) * error, abs=0.02)
    assert found.high == pytest.approx(1 + float(stdtrit(4, 0.98)) * error, abs=0.03)


def test_what_needs_no_action_has_the_classical_one_at_once():
    comparison = compare(
        [-1, 0, 1], [0, 1, 2], higher_is_better=True, margin=5, alpha=0.02, beta=0.1, test="welch"
    )
    found = classical_interval(comparison, 0.02)
    error = math.sqrt(2 / 3)
    assert (found.low, found.high) == pytest.approx(
        (1 - float(stdtrit(4, 0.9)) * error, 1 + float(stdtrit(4, 0.98)) * error)
    )


def test_of_ranks_its_ends_are_differences_of_two_values():
    """2 against 3: of the 10 orders the lowest has p = 0.1, the two lowest 0.2.

    Shifted by more than the largest difference, 9 - 0, the candidate is below all of the baseline;
    by more than 4 - 0 in 8 of 10 orders, and so on.
    """
    baseline, candidate = [0.0, 1.0], [2.0, 4.0, 9.0]
    comparison = compare(
        baseline, candidate, higher_is_better=True, margin=1, alpha=0.1, beta=0.1, test="rank"
    )
    found = deciding_interval(oriented(baseline, candidate), comparison, 0.1)
    assert found.high == pytest.approx(9.0, rel=0.01)
    lower = replace(comparison, margin=math.inf)
    found = deciding_interval(oriented(baseline, candidate), lower, 0.1)
    # Above by ranks: up to 2 - 1; Welch's test of the same values asks for more.
    assert found.low <= 1.03


def test_a_level_that_so_few_seeds_cannot_reach_bounds_nothing():
    baseline, candidate = [0.0, 1.0, 2.0], [0.1, 1.1, 2.1]
    comparison = compare(baseline, candidate, higher_is_better=True, margin=1, alpha=0.01)
    found = deciding_interval(oriented(baseline, candidate), comparison, 0.01)
    assert (found.low, found.high) == (-math.inf, math.inf)


def test_equal_constants_differ_by_nothing():
    comparison = compare([0.5] * 5, [0.5] * 3, higher_is_better=False, margin=0.1)
    found = deciding_interval(oriented([0.5] * 5, [0.5] * 3), comparison, 0.05)
    assert (found.low, found.high) == (0.0, 0.0)


def test_a_metric_that_is_better_lower_is_mirrored():
    rng = np.random.default_rng(3)
    baseline, candidate = rng.normal(size=12), rng.normal(0.5, size=5)
    up = compare(-baseline, -candidate, higher_is_better=True, margin=2, alpha=0.02, beta=0.1)
    down = compare(baseline, candidate, higher_is_better=False, margin=2, alpha=0.02, beta=0.1)
    first = deciding_interval(oriented(-baseline, -candidate), up, 0.02)
    second = deciding_interval(oriented(baseline, candidate, higher_is_better=False), down, 0.02)
    assert (second.low, second.high) == (-first.high, -first.low)


values = st.integers(-20, 20).map(lambda step: step / 8.0)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_it_agrees_with_any_comparison(data: st.DataObject) -> None:
    test = data.draw(st.sampled_from(TESTS))
    size = data.draw(st.integers(2, 9))
    n_candidate = size if test == "paired" else data.draw(st.integers(2, 5))
    baseline = data.draw(st.lists(values, min_size=size, max_size=size))
    candidate = data.draw(st.lists(values, min_size=n_candidate, max_size=n_candidate))
    limit = data.draw(st.sampled_from([0.001, 0.01, 0.05]))
    up = data.draw(st.booleans())
    comparison = compare(
        baseline,
        candidate,
        higher_is_better=up,
        margin=data.draw(st.sampled_from([0.5, 1.0, 3.0])),
        alpha=limit,
        beta=data.draw(st.sampled_from([0.04, 0.1])),
        test=test,
        on_nonfinite=data.draw(st.sampled_from(["fail", "test"])),
    )
    found = deciding_interval(oriented(baseline, candidate, higher_is_better=up), comparison, limit)
    assert found.level == pytest.approx(1 - limit - comparison.beta)
    assert_agrees(found, comparison, limit)
    assert_agrees(classical_interval(comparison, limit), comparison, limit)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(values, min_size=6, max_size=6),
    st.lists(values, min_size=3, max_size=3),
    st.sampled_from([0.1, 1.0]),
)
def test_it_agrees_where_a_run_effect_has_widened_the_p_values(baseline, candidate, tau) -> None:
    comparison = compare(
        baseline, candidate, higher_is_better=True, margin=1.0, alpha=0.05, beta=0.1
    )
    widened = RunNoise(tau, 1.0).in_evidence(comparison, 2.0)
    assert_agrees(deciding_interval(oriented(baseline, candidate), widened, 0.05), widened, 0.05)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(values, values), min_size=5, max_size=9), st.booleans())
def test_it_agrees_with_live_pairs(pairs, up) -> None:
    base, candidate = (list(side) for side in zip(*pairs, strict=True))
    check = plan_live_pairs(len(pairs), higher_is_better=up, margin=1.0, alpha=0.02, early=False)
    (look,) = check.follow(base, candidate)
    samples = oriented(base, candidate, higher_is_better=up, live_pairs=True)
    found = deciding_interval(samples, look.comparison, look.level)
    assert found.inverted
    assert_agrees(found, look.comparison, look.level)


def test_it_agrees_with_seeds_that_are_linked():
    rng = np.random.default_rng(5)
    baseline = dict(enumerate(rng.normal(size=20)))
    for shift in np.linspace(-0.2, 0.1, 12):
        candidate = {s: baseline[s] + shift + 0.05 * rng.normal() for s in range(5)}
        check = plan_check(tuple(baseline.values()), (5,), higher_is_better=True, alpha=0.05)
        linked = plan_linked_check(baseline, check, alpha=0.005, theta=0.9, rho=0.95)
        assert linked is not None
        evidence = linked.at(baseline, candidate)
        assert evidence is not None
        samples = OrientedSamples(tuple(baseline.items()), tuple(candidate.items()))
        found = deciding_interval(samples, evidence.comparison, evidence.level)
        assert found.inverted
        assert_agrees(found, evidence.comparison, evidence.level)


@pytest.mark.slow
@pytest.mark.parametrize("test", ["robust-t", "rank"])
@pytest.mark.parametrize("skewed", [False, True])
def test_each_end_misses_a_shift_as_often_as_its_test_errs(test, skewed) -> None:
    """Over 600 draws of a shifted sample: at most the level, and not much less."""
    rng = np.random.default_rng(11)
    shift, limit, beta, runs = -0.7, 0.05, 0.1, 600
    above = below = 0
    for _ in range(runs):
        draw = rng.exponential if skewed else rng.normal
        baseline, candidate = draw(size=12), draw(size=4) + shift
        comparison = compare(
            baseline,
            candidate,
            higher_is_better=True,
            margin=1.5,
            alpha=limit,
            beta=beta,
            test=test,
        )
        found = deciding_interval(oriented(baseline, candidate), comparison, limit)
        below += found.high < shift
        above += found.low > shift
    error = 3 * math.sqrt(limit * (1 - limit) / runs)
    assert limit / 2 <= below / runs <= limit + error
    assert beta / 4 <= above / runs <= beta + 3 * math.sqrt(beta * (1 - beta) / runs)


def test_of_a_classical_pair_it_is_that_of_the_differences():
    rng = np.random.default_rng(2)
    base = rng.normal(size=9)
    candidate = base + rng.normal(0.1, 0.1, size=9)
    comparison = compare(
        base, candidate, higher_is_better=True, margin=1, alpha=0.05, beta=0.05, test="paired"
    )
    found = deciding_interval(oriented(base, candidate), comparison, 0.05)
    low, high = mean_difference(base, candidate, "paired").interval(0.9)
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.01)
