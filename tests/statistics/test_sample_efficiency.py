"""Bands of curves, and where they reach a level."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from pytest_mlregress.statistics.sample_efficiency import curve_band, share_to_reach

SHARES = (0.1, 0.5, 1.0)


def test_the_band_is_the_t_interval_of_the_mean() -> None:
    values = np.array([[0.1, 0.4], [0.3, 0.5], [0.2, 0.9]])
    for point, column in zip(curve_band((0.5, 1.0), values), values.T, strict=True):
        expected = stats.ttest_1samp(column, 0.0).confidence_interval(0.95)
        assert (point.low, point.high) == pytest.approx((expected.low, expected.high))
        assert point.mean == pytest.approx(column.mean())


def test_a_single_seed_has_no_interval() -> None:
    values = np.array([[0.2, 0.8, 1.0]])
    assert math.isnan(curve_band(SHARES, values)[0].low)
    found = share_to_reach(SHARES, values, higher_is_better=True)
    assert (found.low, found.high) == (None, None)
    assert found.share == pytest.approx(0.75)


def test_the_place_is_found_between_two_points() -> None:
    values = np.array([[0.2, 0.8, 1.0], [0.2, 0.8, 1.0]])
    found = share_to_reach(SHARES, values, higher_is_better=True)
    assert (found.level, found.target, found.at_first, found.lost_at) == ("score", 0.9, False, None)
    assert (found.share, found.low, found.high) == pytest.approx((0.75, 0.75, 0.75))


def test_of_a_loss_the_improvement_counts() -> None:
    values = np.array([[2.0, 1.0, 0.0]])
    found = share_to_reach(SHARES, values, higher_is_better=False)
    assert (found.level, found.target) == ("gain", pytest.approx(0.2))
    assert found.share == pytest.approx(0.9)


def test_a_curve_that_gets_worse_never_reaches_it() -> None:
    values = np.array([[1.0, 2.0, 3.0], [1.0, 2.5, 3.5]])
    found = share_to_reach(SHARES, values, higher_is_better=False)
    assert (found.share, found.low, found.unreached) == (None, None, 1.0)


@pytest.mark.parametrize("seeds", [1, 2, 3])
def test_a_score_that_gets_worse_never_reaches_it(seeds: int) -> None:
    values = np.array([[2.02, 1.02, 0.22]]) + np.arange(seeds)[:, None] / 50
    found = share_to_reach(SHARES, values, higher_is_better=True)
    assert (found.level, found.share, found.low, found.high) == ("score", None, None, None)
    assert found.unreached == (1.0 if seeds > 1 else 0.0)


def test_a_score_that_loses_little_but_for_certain_never_reaches_it() -> None:
    values = np.array([[1.0, 0.97, 0.95]]) + np.arange(5)[:, None] / 50
    assert share_to_reach(SHARES, values, higher_is_better=True).share is None


@pytest.mark.parametrize("end", [(0.95, 0.96, 0.949), (0.952, 0.958, 0.95)])
def test_a_score_that_is_flat_has_its_end_at_the_first_point(end: tuple[float, ...]) -> None:
    values = np.array([[0.951] * 3, [0.958] * 3, [0.951] * 3])
    values[:, -1] = end
    found = share_to_reach(SHARES, values, higher_is_better=True)
    assert (found.at_first, found.share, found.low, found.high) == (True, 0.1, 0.1, 0.1)


def test_a_fall_after_it_is_named() -> None:
    values = np.array([[0.95, 0.3, 1.0]])
    found = share_to_reach(SHARES, values, higher_is_better=True)
    assert (found.at_first, found.share, found.lost_at) == (True, 0.1, 0.5)


def test_the_interval_covers_the_place() -> None:
    """5 seeds of a saturating curve whose level is reached at .5; 0.93 in 1,000 trials."""
    generator = np.random.default_rng(1)
    shares = (0.1, 0.2, 0.4, 0.6, 0.8, 1.0)
    truth = np.array([0.4, 0.6, 0.8, 0.9999, 1.0, 1.0])
    place = 0.4 + 0.2 * (0.1 / 0.1999)
    trials, covered = 300, 0
    for _ in range(trials):
        values = truth + generator.normal(0, 0.02, (5, 1)) + generator.normal(0, 0.02, (5, 6))
        found = share_to_reach(shares, values, higher_is_better=True)
        assert found.low is not None
        assert found.high is not None
        covered += found.low <= place <= found.high
    assert covered / trials > 0.93 - 3 * math.sqrt(0.93 * 0.07 / trials)
