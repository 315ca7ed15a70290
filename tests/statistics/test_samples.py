"""Samples: winsorising by the pooled sample alone, and sums that lose no digits."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from sample_strategies import samples

from pytest_mlregress.statistics.samples import (
    as_sample,
    mean,
    robust_sd,
    sd,
    winsorise,
    worst_end,
)


def test_robust_sd_by_hand():
    # Median 3, absolute deviations 2 1 0 1 97: their median is 1.
    assert robust_sd(np.array([1.0, 2, 3, 4, 100])) == pytest.approx(1.4826)


def test_robust_sd_falls_back_on_the_interquartile_range():
    # Four of seven are equal, so the median deviation is 0; the quartiles are 0 and 1.
    assert robust_sd(np.array([0, 0, 0, 0, 2.0, 2, 2])) == pytest.approx(2 / 1.349)
    assert robust_sd(np.array([0, 0, 0, 0, 0, 0, 9.0])) == 0


def test_winsorising_by_hand():
    clipped = winsorise(np.array([1.0, 2, 3, 4, 100]))
    assert clipped == pytest.approx([1, 2, 3, 4, 3 + 3 * 1.4826])


def test_nothing_is_clipped_without_a_robust_spread():
    values = np.array([0, 0, 0, 0, 0, 0, 9.0])
    assert winsorise(values).tolist() == values.tolist()


def test_infinities_go_to_the_limits():
    values = np.array([1.0, 2, 3, 4, -np.inf])
    assert winsorise(values)[-1] == pytest.approx(2.5 - 3 * 1.4826)
    assert winsorise(np.array([0, 0, 0, 0, 0, 4.0, np.inf]))[-1] == 8
    assert winsorise(np.array([7.0, 7, -np.inf]))[-1] < 7
    assert winsorise(np.array([np.inf, -np.inf])).tolist() == [1, -1]


@settings(max_examples=50)
@given(samples(1, 12))
def test_winsorising_keeps_the_order_and_ignores_who_is_who(values):
    pooled = np.array(values)
    order = np.argsort(pooled, kind="stable")
    assert (np.diff(winsorise(pooled)[order]) >= 0).all()
    np.testing.assert_allclose(winsorise(pooled[order]), winsorise(pooled)[order], atol=1e-12)


def test_every_nonfinite_value_is_as_bad_as_can_be():
    assert worst_end(np.array([1.0, np.nan, np.inf, -np.inf])).tolist() == [1] + [-math.inf] * 3


def test_mean_and_sd_of_extreme_values():
    assert mean(np.array([1.7e308, 1.7e308, 1.5e308])) == pytest.approx(1.6333333e308)
    assert sd(np.array([1e-300, 3e-300])) == pytest.approx(math.sqrt(2) * 1e-300)
    assert sd(np.array([1e300, 3e300])) == pytest.approx(math.sqrt(2) * 1e300)
    assert mean(np.full(3, 0.1)) == 0.1
    assert sd(np.full(3, 0.1)) == 0
    assert math.isnan(sd(np.array([1.0])))
    assert math.isnan(mean(np.array([1.0, np.inf])))


def test_a_value_on_its_way_to_overflow_is_infinite():
    assert as_sample([1e299, 2e300, -2e300], "values").tolist() == [1e299, math.inf, -math.inf]


def test_a_sample_is_a_copy():
    values = np.array([1.0, 2.0])
    as_sample(values, "values")[0] = 9
    assert values[0] == 1
