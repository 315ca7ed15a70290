"""One relabelling for all metrics of a training: which levels keep Bonferroni's sum."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sample_strategies import VALUES

from pytest_mlregress.statistics.multiple_comparisons import min_p_levels
from pytest_mlregress.statistics.permutation import relabelled_pvalues, welch_permutation_test
from pytest_mlregress.statistics.samples import FloatArray, winsorised_pair

# Candidate first; of a single candidate seed p is its rank over the number of seeds, so that the
# four relabellings have p-values of 1, 2, 3, 4 and of 2, 1, 3, 4 quarters.
BY_HAND = {"a": [0.0, 1.0, 2.0, 3.0], "b": [1.0, 0.0, 2.0, 3.0], "-a": [3.0, 2.0, 1.0, 0.0]}


def joint(rows: list[list[float]], n_candidate: int, levels: list[float]) -> tuple[float, ...]:
    values = np.array(rows)
    return min_p_levels(values[:, n_candidate:], values[:, :n_candidate], levels)


@pytest.mark.parametrize(
    ("metrics", "expected"),
    [
        ("a", 0.25),
        ("a b", 0.25),  # smallest p-values 1, 1, 3, 4 quarters: two of them at 1 quarter
        ("a a", 0.5),  # 1, 2, 3, 4: two at or below 2 quarters
        ("a -a", 0.25),  # 1, 2, 2, 1: two at or below 1 quarter
        ("a a b", 0.75),  # 1, 1, 3, 4: three at or below 3 quarters
    ],
)
def test_levels_by_hand(metrics: str, expected: float) -> None:
    rows = [BY_HAND[name] for name in metrics.split()]
    assert joint(rows, 1, [0.25] * len(rows)) == pytest.approx((expected,) * len(rows))


def test_levels_keep_their_proportions_and_stay_below_their_sum() -> None:
    # Ratios of p and level 1, 2, 3, 4 and 2, 4, 6, 8: three of four may lie at or below 3.
    a = BY_HAND["a"]
    assert joint([a, a], 1, [0.25, 0.5]) == pytest.approx((0.375, 0.75))
    # A constant metric has a p-value of 1, beyond the sum, and leaves its level to the other.
    assert joint([a, [1.0] * 4], 1, [0.25, 0.25]) == pytest.approx((0.5, 0.5))
    assert joint([a, [1.0] * 4], 1, [0.25, 0.5]) == pytest.approx((0.75, 0.75))  # not 1.5


@st.composite
def pooled_metrics(draw: st.DrawFn) -> tuple[FloatArray, int, list[float]]:
    """(values of shape (m, n), candidate seeds, levels): continuous, tied, equal, constant."""
    n_candidate = draw(st.integers(1, 3))
    n = n_candidate + draw(st.integers(2, 5))
    steps = st.one_of(VALUES, st.sampled_from([0.0, 1.0]))
    rows = draw(st.lists(st.lists(steps, min_size=n, max_size=n), min_size=1, max_size=4))
    levels = draw(
        st.lists(st.sampled_from([0.02, 0.05, 0.1]), min_size=len(rows), max_size=len(rows))
    )
    return np.array(rows), n_candidate, levels


def relabelled(values: FloatArray, chosen: tuple[int, ...]) -> tuple[FloatArray, FloatArray]:
    mask = np.isin(np.arange(values.shape[1]), chosen)
    return values[:, ~mask], values[:, mask]


@given(pooled_metrics())
@settings(max_examples=60, deadline=None)
def test_no_more_relabellings_are_red_than_the_levels_sum_to(
    case: tuple[FloatArray, int, list[float]],
) -> None:
    """The very promise: with the labels at random, any metric is red in that share at most."""
    values, n_candidate, levels = case
    every = list(combinations(range(values.shape[1]), n_candidate))
    red, first = 0, None
    for chosen in every:
        baselines, candidates = relabelled(values, chosen)
        found = min_p_levels(baselines, candidates, levels)
        first = first or found
        # The same for every relabelling, or the level would depend on what it judges.
        assert found == pytest.approx(first, rel=1e-8)
        pvalues = [
            welch_permutation_test([winsorised_pair(b, c)])[0].less
            for b, c in zip(baselines, candidates, strict=True)
        ]
        red += any(p <= level for p, level in zip(pvalues, found, strict=True))
    assert red <= sum(levels) * len(every) + 1e-6


@given(pooled_metrics())
@settings(max_examples=100, deadline=None)
def test_a_level_is_never_below_bonferronis_nor_above_the_sum(
    case: tuple[FloatArray, int, list[float]],
) -> None:
    values, n_candidate, levels = case
    found = min_p_levels(values[:, n_candidate:], values[:, :n_candidate], levels)
    for level, alone in zip(found, levels, strict=True):
        assert alone <= level <= sum(levels) * (1 + 1e-8)


@pytest.mark.parametrize("metrics", [2, 5])
@pytest.mark.parametrize("n_candidate", [3, 5, 11])
def test_equal_metrics_share_the_whole_sum(metrics: int, n_candidate: int) -> None:
    values = np.tile(np.random.default_rng(3).normal(size=20 + n_candidate), (metrics, 1))
    found = min_p_levels(values[:, n_candidate:], values[:, :n_candidate], [0.01] * metrics)
    # Up to the smallest step of a p-value, of 1,771 relabellings for 3 seeds.
    assert found == pytest.approx((metrics * 0.01,) * metrics, abs=1 / 1771)


@pytest.mark.parametrize("n_candidate", [1, 3, 5, 11])
def test_the_observed_relabelling_has_the_p_value_of_the_test(n_candidate: int) -> None:
    values = np.random.default_rng(n_candidate).normal(size=20 + n_candidate).round(1)
    sides = winsorised_pair(values[n_candidate:], values[:n_candidate])
    pvalues = relabelled_pvalues(*sides, 1.0)
    assert pvalues[0] == welch_permutation_test([sides])[0].less
    assert pvalues.max() == 1.0
    few = relabelled_pvalues(*sides, 0.05)
    np.testing.assert_array_equal(few, np.where(pvalues <= 0.05, pvalues, np.inf))
    # Of p-values, at most a share p is at or below p.
    for p in (0.01, 0.05, 0.5):
        assert np.mean(pvalues <= p) <= p


def test_many_seeds_on_both_sides_keep_their_levels() -> None:
    values = np.tile(np.random.default_rng(0).normal(size=110), (2, 1))
    assert min_p_levels(values[:, 60:], values[:, :60], [0.01, 0.02]) == (0.01, 0.02)


def test_levels_that_do_not_fit_the_metrics_are_refused() -> None:
    with pytest.raises(ValueError, match="1 levels for 2 baselines and 2 candidates; allowed is"):
        min_p_levels(np.zeros((2, 3)), np.zeros((2, 2)), [0.01])
