"""The tests of n pairs: sign flips, two samples, and both at one level."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from benchmarks.live_pairs import RHOS, draw_pairs, evaluate
from pytest_mlregress.statistics.pair_levels import (
    combined_p,
    level_of_samples,
    level_with_samples_at,
    linkage,
)
from pytest_mlregress.statistics.pair_spread import same_side_spread, spread_of_sides
from pytest_mlregress.statistics.pair_tests import pair_pvalues, smallest_pair_p, t_pvalue

finite = st.floats(-100, 100).map(lambda x: round(x, 3))
pairs = st.lists(st.tuples(finite, finite), min_size=2, max_size=6)


def arrays(values: list[tuple[float, float]]) -> tuple[np.ndarray, np.ndarray]:
    base, candidate = zip(*values, strict=True)
    return np.array(base), np.array(candidate)


def test_five_pairs_that_all_lost_have_the_smallest_p_values() -> None:
    base = np.array([0.90, 0.91, 0.92, 0.93, 0.94])
    found = pair_pvalues(base, base - np.array([0.2, 0.21, 0.19, 0.2, 0.22]))
    assert (found.pairs, found.samples) == (1 / 32, 1 / 252)
    assert found.exact == found.combined == pytest.approx(smallest_pair_p(5), rel=1e-6)


def test_beyond_the_smallest_p_value_a_t_test_tells_how_far_apart_the_sides_are() -> None:
    base = np.array([0.90, 0.91, 0.92, 0.93, 0.94])
    near, far = (
        pair_pvalues(base, base - loss * np.array([1, 1.1, 0.9, 1, 1.05]), beyond_resolution=True)
        for loss in (0.06, 0.6)
    )
    assert (near.pairs, near.samples) == (far.pairs, far.samples) == (1 / 32, 1 / 252)
    assert far.combined < near.combined < near.exact == far.exact
    assert (near.at(0.05), near.at(0.0025)) == (near.exact, near.combined)


def test_a_coarse_metric_is_blurred_by_its_step() -> None:
    base, candidate = np.full(5, 0.92), np.full(5, 0.90)
    found = pair_pvalues(base, candidate, resolution=0.02, beyond_resolution=True)
    # A difference of one step, each value uniform over a step: t = sqrt(5 * 12 / 2) at 4 df.
    t = math.sqrt(5 * 12 / 2)
    assert found.combined == pytest.approx(
        combined_p(5, stats.t.sf(t, 4), stats.t.sf(t, 4), 1.0), rel=1e-6
    )


def test_equal_constants_are_no_evidence() -> None:
    assert pair_pvalues(np.full(4, 0.5), np.full(4, 0.5)).combined == 1.0
    assert t_pvalue(np.full(4, 0.5), np.full(4, 0.5)) == 1.0


def test_sides_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="pairs need two values each; got 2 and 3 values"):
        pair_pvalues(np.zeros(2), np.zeros(3))


def test_sign_flips_are_those_of_scipy() -> None:
    base, candidate = np.random.default_rng(3).normal(size=(2, 7))
    expected = stats.permutation_test(
        (candidate, base),
        lambda x, y, axis: np.mean(x - y, axis=axis),
        permutation_type="samples",
        alternative="less",
        vectorized=True,
        n_resamples=np.inf,
    ).pvalue
    assert pair_pvalues(base, candidate).pairs == pytest.approx(expected)


def test_t_tests_are_those_of_scipy() -> None:
    base = np.array([0.90, 0.91, 0.92, 0.93, 0.94])
    candidate = base - np.array([0.01, 0.02, 0.015, -0.01, 0.01])
    by_pairs = stats.ttest_rel(candidate, base, alternative="less").pvalue
    by_samples = stats.ttest_ind(candidate, base, equal_var=False, alternative="less").pvalue
    assert t_pvalue(base, candidate, test="pairs") == pytest.approx(by_pairs)
    assert t_pvalue(base, candidate, test="samples") == pytest.approx(by_samples)


@given(pairs)
def test_the_order_of_the_pairs_is_irrelevant(values: list[tuple[float, float]]) -> None:
    one, other = (
        pair_pvalues(*arrays(order), beyond_resolution=True) for order in (values, values[::-1])
    )
    assert one.combined == pytest.approx(other.combined, rel=1e-6)


@given(pairs)
def test_both_sides_and_their_signs_exchanged_change_nothing(
    values: list[tuple[float, float]],
) -> None:
    base, candidate = arrays(values)
    one = pair_pvalues(base, candidate, beyond_resolution=True)
    other = pair_pvalues(-candidate, -base, beyond_resolution=True)
    assert one.combined == pytest.approx(other.combined, rel=1e-6)


@given(pairs, st.floats(0, 50))
def test_a_worse_candidate_is_no_less_harmful_by_its_pairs(
    values: list[tuple[float, float]], loss: float
) -> None:
    base, candidate = arrays(values)
    before = pair_pvalues(base, candidate, test="pairs").combined
    assert pair_pvalues(base, candidate - loss, test="pairs").combined <= before + 1e-9


@given(
    st.integers(2, 30),
    st.floats(1e-9, 1.0),
    st.floats(1e-9, 1.0),
    st.floats(0.0, 1.0),
    st.floats(0.1, 1.0),
)
def test_more_evidence_of_either_test_never_raises_the_joint_p_value(
    n: int, p_pairs: float, p_samples: float, linked: float, less: float
) -> None:
    joint = combined_p(n, p_pairs, p_samples, linked)
    assert combined_p(n, less * p_pairs, p_samples, linked) <= joint
    assert combined_p(n, p_pairs, less * p_samples, linked) <= joint * (1 + 1e-6)
    assert combined_p(n, p_pairs, p_samples, less * linked) <= joint
    assert min(p_pairs, p_samples) * (1 - 1e-9) <= joint <= 1.0


@given(st.integers(2, 40), st.floats(1e-6, 0.4))
def test_the_level_of_the_two_samples_and_its_inverse_agree(n: int, level: float) -> None:
    alone = level_of_samples(n, level)
    assert 0.0 < alone <= level
    assert level_with_samples_at(n, alone) == pytest.approx(level, rel=1e-5)


@pytest.mark.parametrize(("n", "alpha"), [(5, 0.05), (5, 0.0025), (13, 0.01)])
def test_both_t_tests_together_hold_their_level_on_independent_values(n: int, alpha: float) -> None:
    draws = 400_000
    generator = np.random.default_rng(n)
    difference = generator.standard_normal(draws)
    of_differences, of_sums = generator.chisquare(n - 1, (2, draws))
    t = difference / np.sqrt(of_differences / (n - 1))
    student = difference / np.sqrt((of_differences + of_sums) / (2 * (n - 1)))
    linked = stats.beta.cdf(
        of_differences / (of_differences + of_sums), 0.5 * (n - 1), 0.5 * (n - 1)
    )
    share = np.where(linked <= 2 * alpha, 1.0, 0.7 if n >= 11 else 0.5)
    rejected = (stats.t.sf(t, n - 1) <= share * alpha) | (
        stats.t.sf(student, 2 * (n - 1)) <= level_of_samples(n, alpha)
    )
    error = math.sqrt(alpha / draws)
    assert abs(rejected.mean() - alpha) < 4 * error


def test_linkage_is_small_for_close_pairs_and_uniform_without_a_link() -> None:
    generator = np.random.default_rng(0)
    base = generator.normal(size=(2000, 6))
    near = [linkage(row, row + 0.1 * generator.normal(size=6)) for row in base[:50]]
    assert max(near) < 0.01
    apart = [linkage(row, other) for row, other in zip(base[:1000], base[1000:], strict=True)]
    assert stats.kstest(apart, "uniform").pvalue > 0.001


@pytest.mark.parametrize("metric", ["normal", "50 examples", "two modes"])
def test_the_benchmark_has_the_p_values_of_single_pairs(metric: str) -> None:
    base, candidate = draw_pairs(np.random.default_rng(1), (40, 5), 0.5, metric)
    candidate = candidate - np.linspace(0, 2, 40)[:, None] * base.std()
    many = evaluate(base, candidate)
    for alpha in (0.05, 0.01, 0.0025):
        one_by_one = [
            pair_pvalues(*sides, beyond_resolution=True).combined <= alpha
            for sides in zip(base, candidate, strict=True)
        ]
        assert one_by_one == many.both(alpha).tolist()


@pytest.mark.slow
@pytest.mark.parametrize("rho", RHOS)
@pytest.mark.parametrize("metric", ["skewed accuracy", "lognormal loss", "two modes"])
def test_false_reds_keep_the_level_at_any_correlation(rho: float, metric: str) -> None:
    count = 6000
    found = evaluate(*draw_pairs(np.random.default_rng(17), (count, 5), rho, metric))
    for alpha in (0.05, 0.01, 0.0025):
        error = math.sqrt(alpha * (1 - alpha) / count)
        assert found.both(alpha).mean() <= alpha + 3 * error


def test_the_spread_of_a_side_and_of_two_runs_of_it() -> None:
    base, candidate = [1.0, 3.0], [10.0, 12.0]
    assert spread_of_sides(base, candidate) == pytest.approx(math.sqrt(2))
    reach = stats.t.ppf(0.975, 2) * math.sqrt(2) * math.sqrt(1 / 2 + 1 / 2)
    assert same_side_spread(base, candidate) == pytest.approx(reach)
    assert same_side_spread([1.0], [2.0]) is None
    assert spread_of_sides([1.0, math.nan], [2.0, 3.0]) is None
