"""Values by seed and run: mean squares, variances and the uncertainty of a mean."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_mlregress.statistics.seed_run_layout import (
    distinct_runs,
    same_values,
    seed_run_layout,
)


def simulated(generator, counts, *, seed=0.0, run=0.0, rest=1.0):
    """Runs of the first seeds, as many as `counts` says, with those standard deviations."""
    of_seed = seed * generator.normal(size=max(counts))
    return [
        dict(enumerate(of_seed[:n] + run * generator.normal() + rest * generator.normal(size=n)))
        for n in counts
    ]


def test_a_balanced_layout_has_the_mean_squares_of_the_textbook():
    table = np.array([[1.0, 2.0, 6.0], [2.0, 5.0, 5.0], [4.0, 4.0, 8.0], [3.0, 6.0, 10.0]])
    layout = seed_run_layout([dict(enumerate(row)) for row in table])
    of_run, of_seed = table.mean(axis=1, keepdims=True), table.mean(axis=0, keepdims=True)
    rest = table - of_run - of_seed + table.mean()
    assert layout.mean == pytest.approx(table.mean())
    assert (layout.run.df, layout.seed.df, layout.rest.df) == (3, 2, 6)
    assert layout.run.value == pytest.approx(3 * ((of_run - table.mean()) ** 2).sum() / 3)
    assert layout.seed.value == pytest.approx(4 * ((of_seed - table.mean()) ** 2).sum() / 2)
    assert layout.rest.value == pytest.approx((rest**2).sum() / 6)
    assert (layout.run.weight, layout.seed.weight) == pytest.approx((3.0, 4.0))
    assert (layout.run_share, layout.seed_share) == pytest.approx((1 / 4, 1 / 3))


def test_variances_are_right_on_average_where_checks_stop_early():
    generator = np.random.default_rng(3)
    counts = [20, 3, 5, 3, 3, 5, 5, 3]
    found = []
    for _ in range(1500):
        layout = seed_run_layout(simulated(generator, counts, seed=0.7, run=0.4, rest=0.8))
        rest = layout.rest.value
        # Not cut off at 0 as a variance is, which would make their mean too large.
        effects = [(ms.value - rest) / ms.weight for ms in (layout.seed, layout.run)]
        found.append([*effects, rest])
    assert np.mean(found, axis=0) == pytest.approx([0.49, 0.16, 0.64], abs=0.03)


def test_the_f_test_keeps_its_level_whatever_the_seeds_share():
    generator = np.random.default_rng(5)
    p = [
        seed_run_layout(simulated(generator, [5, 3, 3, 5, 5, 3], seed=2.0)).p_run
        for _ in range(2000)
    ]
    assert np.mean(np.array(p) <= 0.05) == pytest.approx(0.05, abs=0.015)


@pytest.mark.parametrize("run", [0.0, 0.5])
def test_the_mean_is_off_by_the_reach_as_rarely_as_it_says(run):
    generator = np.random.default_rng(11)
    missed = []
    for _ in range(1500):
        layout = seed_run_layout(simulated(generator, [5, 3, 4, 5, 3, 3, 5, 4, 3, 5], run=run))
        missed.append(abs(layout.mean) > layout.reach(0.975, count_from=0.2))
    # A small effect that is not seen counts for nothing.
    assert np.mean(missed) <= (0.06 if run == 0.0 else 0.09)


def test_few_values_tell_nothing():
    one = seed_run_layout([{0: 1.0, 1: 2.0}])
    assert (one.p_run, one.p_seed, one.reach(0.9, count_from=0.2)) == (1.0, 1.0, math.inf)
    apart = seed_run_layout([{0: 1.0}, {1: 3.0}])
    assert (apart.mean, apart.p_run, apart.rest.df) == (2.0, 1.0, 0)
    with pytest.raises(ValueError, match="no run has a finite value"):
        seed_run_layout([{0: math.nan}])


def test_runs_that_differ_in_nothing_but_a_shift_show_it_with_certainty():
    layout = seed_run_layout([{0: 1.0, 1: 2.0, 2: 4.0}, {0: 2.0, 1: 3.0, 2: 5.0}])
    assert layout.p_run < 1e-12
    assert layout.run.variance(layout.rest) == pytest.approx(0.5)


@given(
    st.lists(
        st.dictionaries(st.integers(0, 4), st.floats(-1e3, 1e3), min_size=1, max_size=5),
        min_size=1,
        max_size=6,
    )
)
def test_any_layout_has_sane_figures(runs):
    layout = seed_run_layout(runs)
    n = sum(map(len, runs))
    assert layout.seed.df + layout.run.df + layout.rest.df <= n - 1
    assert 0.0 <= layout.p_run <= 1.0
    assert layout.run.variance(layout.rest) >= 0.0
    assert layout.reach(0.95, count_from=0.2) >= 0.0
    moved = seed_run_layout([{s: v + 100.0 for s, v in run.items()} for run in runs])
    assert moved.mean == pytest.approx(layout.mean + 100.0, abs=1e-6)


def test_of_identical_runs_the_longest_counts():
    short, longer, other = {0: 1.0, 1: 2.0}, {0: 1.0, 1: 2.0, 2: 3.0}, {0: 1.0, 1: 2.5}
    assert distinct_runs([short, other, longer, short]) == [longer, other]
    assert same_values(short, longer)
    assert not same_values(short, {5: 1.0})
