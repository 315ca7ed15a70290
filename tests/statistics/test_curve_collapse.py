"""A training that has left its baseline's curves for good is seen early; a healthy one never."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ndtr

from benchmarks.calibration.collapses import (
    SHAPES,
    delayed,
    single_seeds,
    stopped_after,
    whole_tests,
)
from pytest_mlregress.statistics.curve_collapse import Collapse, curve_band

STEPS = np.arange(0, 1000, 25)
TIME = STEPS / 1000


def accuracy(generator, seeds):
    noise = 0.01 * generator.normal(size=(seeds, STEPS.size))
    return 0.9 - 0.8 * np.exp(-6 * TIME) + noise


def points(values, steps=STEPS):
    return [(float(s), float(v)) for s, v in zip(steps, values, strict=True)]


@pytest.fixture
def generator():
    return np.random.default_rng(2)


@pytest.fixture
def curves(generator):
    return [points(curve) for curve in accuracy(generator, 20)]


@pytest.fixture
def band(curves):
    return curve_band(curves, higher_is_better=True)


def first_stop(band, curve):
    for n in range(1, len(curve) + 1):
        seen = band.judge(curve[:n])
        if seen.collapsed:
            return n, seen
    return None, None


def test_a_run_that_never_learns_is_stopped_before_three_quarters(band):
    n, seen = first_stop(band, points(np.full(STEPS.size, 0.1)))
    assert n <= 0.75 * STEPS.size
    assert seen.step == STEPS[n - 1]
    # The best of 4 latest evaluations of each baseline seed, at that step.
    best = [max(values[n - 4 : n]) for values in accuracy(np.random.default_rng(2), 20)]
    assert seen.reason == (
        f"0.1 at step {seen.step:g}, the baseline's seeds end there within "
        f"{min(best):.4g} .. {max(best):.4g}"
    )
    assert 0.1 < seen.limit < min(best)


def test_a_run_that_falls_back_is_stopped_after_a_few_evaluations(band, generator):
    (curve,) = accuracy(generator, 1)
    curve[20:] = 0.1
    n, _ = first_stop(band, points(curve))
    assert n == 24


def test_a_run_that_recovers_is_not_stopped(band, generator):
    (curve,) = accuracy(generator, 1)
    curve[20:23] = 0.1
    assert first_stop(band, points(curve)) == (None, None)


def test_a_better_run_is_not_stopped(band):
    assert first_stop(band, points(np.full(STEPS.size, 1.0))) == (None, None)


def test_a_run_at_two_thirds_of_the_speed_is_not_stopped(band):
    slow = 0.9 - 0.8 * np.exp(-4 * TIME)
    assert first_stop(band, points(slow)) == (None, None)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_non_finite_value_stops_at_once(band, generator, bad):
    (curve,) = accuracy(generator, 1)
    curve[1] = bad
    n, seen = first_stop(band, points(curve))
    assert n == 2
    reason = f"{bad:g} at step 25, the baseline's seeds are finite throughout"
    assert seen == Collapse(True, 25.0, reason)


def test_non_finite_values_are_no_evidence_where_the_baseline_has_them(curves, generator):
    curves[3][0] = (0.0, math.nan)
    band = curve_band(curves, higher_is_better=True)
    (curve,) = accuracy(generator, 1)
    curve[5:9] = math.nan
    assert first_stop(band, points(curve)) == (None, None)
    n, _ = first_stop(band, points(np.full(STEPS.size, 0.1)))
    assert n <= 0.75 * STEPS.size


def test_baseline_runs_that_were_lost_do_not_widen_the_band(curves):
    curves[4] = [(s, v if s < 300 else math.nan) for s, v in curves[4]]
    band = curve_band(curves, higher_is_better=True)
    n, _ = first_stop(band, points(np.full(STEPS.size, 0.1)))
    assert n <= 0.75 * STEPS.size


def test_without_a_direction_only_non_finite_values_stop(curves):
    band = curve_band(curves)
    for value in (-100.0, 100.0):
        assert first_stop(band, points(np.full(STEPS.size, value))) == (None, None)
    n, seen = first_stop(band, [(0.0, 0.5), (25.0, math.nan)])
    assert n == 2
    assert seen.reason == "nan at step 25, the baseline's seeds are finite throughout"


@pytest.mark.parametrize("delay", [0.1, 0.2, 0.3, 0.4, 0.5])
@pytest.mark.parametrize("shape", sorted(SHAPES))
def test_a_late_start_that_ends_the_same_is_not_stopped(generator, shape, delay):
    curves = SHAPES[shape](generator, 40, TIME)
    band = curve_band([points(c, TIME) for c in curves[:20]], higher_is_better=True)
    late = [delayed(TIME, curve, delay) for curve in curves[20:]]
    assert [stopped_after(band, TIME, curve) for curve in late] == [1.0] * 20


@pytest.mark.parametrize("speed", [3, 4, 5])
def test_half_the_speed_is_not_stopped(band, speed):
    assert first_stop(band, points(0.9 - 0.8 * np.exp(-speed * TIME))) == (None, None)


def test_runs_with_other_steps_are_interpolated(generator):
    many = np.arange(0, 1000, 5)
    curves = [points(curve) for curve in accuracy(generator, 19)]
    curves.append(points(0.9 - 0.8 * np.exp(-6 * many / 1000), many))
    band = curve_band(curves, higher_is_better=True)
    assert band.steps[-1] == 975
    assert band.run_length == 20


def test_a_run_longer_than_the_baseline_is_not_judged_beyond_it(band):
    assert not band.judge(points(np.full(5, 0.1), np.arange(1000, 1125, 25))).collapsed
    assert band.judge([]) == Collapse(False, pytest.approx(math.nan, nan_ok=True), "")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda curves: curves[:4], "too few curves"),
        (lambda curves: [curve[:3] for curve in curves], "too few evaluations"),
        (lambda curves: [curve[:1] for curve in curves], "a single evaluation"),
        (lambda curves: [[(s, math.nan) for s, _ in c] for c in curves], "nothing finite"),
    ],
)
def test_no_band_is_made_from(curves, change, why):
    assert curve_band(change(curves)) is None, why


@given(st.integers(0, 2**32 - 1), st.sampled_from(sorted(SHAPES)))
def test_one_healthy_run_is_not_stopped(seed, shape):
    generator = np.random.default_rng(seed)
    curves = SHAPES[shape](generator, 21, TIME)
    band = curve_band([points(c, TIME) for c in curves[:20]], higher_is_better=True)
    assert stopped_after(band, TIME, curves[20]) == 1.0


def test_healthy_runs_of_every_shape_are_not_stopped():
    section = single_seeds(3, 100, evaluations=(40,))
    assert section.missed() == []
    stuck = section.columns.index("stuck: share of run")
    seen = {label: row[stuck].value for label, row in section.rows}
    assert seen["saturating, 40"] < 0.75


def test_unchanged_tests_with_many_steps_and_curves_keep_their_share_of_the_level():
    section = whole_tests(15, steps=(400,))
    assert section.missed() == []


def test_the_limits_are_wider_for_a_smaller_level_and_more_seeds(curves):
    limits = [
        curve_band(curves, higher_is_better=True, level=level, seeds=seeds).limits
        for level, seeds in ((2.5e-3, 1), (2.5e-3, 5), (5e-4, 1), (5e-6, 1))
    ]
    # Where the worst seed or the progress made sets the limit, it is the same.
    assert (limits[1] <= limits[0]).all()
    assert limits[1] == pytest.approx(limits[2])
    assert (limits[3] < limits[2]).any()
    assert (limits[3] <= limits[2]).all()


@pytest.mark.parametrize("curves", [5, 20])
@pytest.mark.parametrize("level", [0.1, 1e-3])
def test_normal_seeds_pass_their_limits_as_rarely_as_the_level_says(generator, curves, level):
    """Every evaluation of a flat curve is its seed's own level, so that the limits alone count."""
    chances = []
    for _ in range(200):
        ends = generator.normal(size=(curves, 1)) + np.zeros(20)
        flat = [points(end, np.arange(20)) for end in ends]
        band = curve_band(flat, higher_is_better=True, level=level, seeds=5)
        chances.append(5 * ndtr(band.limits[np.isin(band.steps, band.judged_at)]).sum())
    assert 0.0 < np.mean(chances) <= level
