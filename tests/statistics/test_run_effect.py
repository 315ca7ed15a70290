"""What runs differ by beyond their seeds: the estimate, and the evidence that it widens."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ndtri

from pytest_mlregress.statistics.comparison import compare
from pytest_mlregress.statistics.early_stop import plan_check
from pytest_mlregress.statistics.planner import plan_metric
from pytest_mlregress.statistics.required_seeds import seeds_needed
from pytest_mlregress.statistics.run_effect import LEVEL, RunEffect, estimate_run_effect
from pytest_mlregress.statistics.run_noise import RunNoise
from pytest_mlregress.statistics.spread import Spread

INFORMATION = 1.0 / (1.0 / 5 + 1.0 / 20)


def runs(counts, *, tau, seed, linked=0.0):
    generator = np.random.default_rng(seed)
    shared = math.sqrt(linked) * generator.normal(size=max(counts))
    return [
        dict(
            enumerate(
                shared[:n]
                + tau * generator.normal()
                + math.sqrt(1.0 - linked) * generator.normal(size=n)
            )
        )
        for n in counts
    ]


def test_a_run_effect_is_shown_and_used():
    effect = estimate_run_effect(runs([20] * 8, tau=1.0, seed=1))
    assert effect.shown
    assert effect.used == effect.tau == pytest.approx(1.0, abs=0.4)
    assert str(effect) == (
        f"run effect {effect.tau:.3g} ({effect.tau / effect.sd:.2f} SD) in 8 runs: enters the test"
    )


def test_linked_seeds_show_a_small_run_effect():
    few = [20, 3, 5, 3, 3, 5, 3, 5]
    shown = [
        [estimate_run_effect(runs(few, tau=0.3, seed=k, linked=rho)).shown for k in range(60)]
        for rho in (0.0, 0.95)
    ]
    assert np.mean(shown[0]) < 0.4 < 0.9 < np.mean(shown[1])


@pytest.mark.parametrize(
    "counts", [[20, 5, 3, 5, 3, 3], [20] * 6], ids=["stopped early", "all seeds"]
)
def test_no_run_effect_is_seldom_used(counts):
    found = [estimate_run_effect(runs(counts, tau=0.0, seed=k)) for k in range(800)]
    assert np.mean([effect.shown for effect in found]) == pytest.approx(LEVEL, abs=0.025)


def test_four_runs_show_nothing():
    effect = estimate_run_effect(runs([20] * 4, tau=5.0, seed=1))
    assert effect.pvalue < 1e-6
    assert not effect.shown
    assert effect.used == 0.0
    assert str(effect).endswith("in 4 runs: not shown, not used")


def test_runs_of_the_same_bits_are_one_run():
    several = runs([20] * 5, tau=1.0, seed=1)
    part = {seed: several[0][seed] for seed in range(3)}
    assert estimate_run_effect([*several, several[1], part]).n_runs == 5


@pytest.mark.parametrize(
    "few", [[], [{0: 1.0, 1: 2.0}], [{0: 1.0}, {1: 2.0}], [{0: 1.0}, {0: math.nan}]]
)
def test_runs_without_a_seed_in_common_tell_nothing(few):
    assert estimate_run_effect(few) is None


def test_an_effect_without_any_scatter_is_certain():
    found = estimate_run_effect([{0: value, 1: value} for value in (1.0, 2.0, 3.0, 4.0, 5.0)])
    assert found == RunEffect(tau=pytest.approx(math.sqrt(2.5)), sd=0.0, n_runs=5, pvalue=0.0)
    assert str(found).startswith("run effect 1.58 in 5 runs")


def test_without_an_effect_nothing_changes():
    baseline, candidate = np.linspace(0, 1, 20), np.linspace(0, 0.8, 5)
    comparison = compare(baseline, candidate, higher_is_better=True)
    for noise in (RunNoise(0.0, 1.0), RunNoise(1.0, math.inf)):
        assert noise.in_evidence(comparison, INFORMATION) == comparison
        assert noise.factor(INFORMATION) == 1.0


def test_every_p_value_is_widened_on_the_scale_of_z():
    baseline, candidate = np.linspace(0, 1, 20), np.linspace(0, 0.8, 5)
    before = compare(baseline, candidate, higher_is_better=True, margin=0.5)
    after = RunNoise(0.3, 0.3).in_evidence(before, INFORMATION)
    factor = math.sqrt(1.0 + 2.0 * INFORMATION)
    for name in ("p_harm", "p_safe", "p_better"):
        assert ndtri(getattr(after, name)) == pytest.approx(ndtri(getattr(before, name)) / factor)
    assert after.safety.p_test == after.p_safe
    assert ndtri(after.safety.p_welch) == pytest.approx(ndtri(before.safety.p_welch) / factor)
    assert np.diff(after.interval) == pytest.approx(factor * np.diff(before.interval))
    assert np.mean(after.interval) == pytest.approx(after.difference)


@given(
    st.lists(st.floats(-10, 10), min_size=8, max_size=20),
    st.lists(st.floats(-10, 10), min_size=3, max_size=6),
    st.floats(0.01, 3.0),
    st.floats(0.01, 3.0),
)
def test_no_evidence_becomes_stronger(baseline, candidate, tau, spread):
    before = compare(baseline, candidate, higher_is_better=True, margin=1.0)
    after = RunNoise(tau, spread).in_evidence(before, INFORMATION)
    for name in ("p_harm", "p_safe", "p_better"):
        narrow, wide = getattr(before, name), getattr(after, name)
        assert abs(wide - 0.5) <= abs(narrow - 0.5) + 1e-9
        assert (wide - 0.5) * (narrow - 0.5) >= -1e-9


@pytest.mark.parametrize("tau", [0.5, 1.0, 2.0])
def test_a_collapse_is_red_beside_any_usual_run_effect(tau):
    generator = np.random.default_rng(3)
    baseline = generator.normal(size=20)
    check = plan_check(baseline, (3, 5), higher_is_better=True, alpha=0.001, run_effect=tau)
    last = check.follow(baseline, generator.normal(size=5) - 30.0)[-1]
    assert last.action == "reject"


def test_the_margin_grows_with_the_noise_of_the_last_look():
    baseline = np.random.default_rng(3).normal(size=20)
    alone = plan_check(baseline, (3, 5), higher_is_better=True, alpha=0.01)
    widened = plan_check(baseline, (3, 5), higher_is_better=True, alpha=0.01, run_effect=0.5)
    factor = widened.noise.factor(widened.design.information[-1])
    assert factor > 1.3
    assert widened.margin == pytest.approx(factor * alone.margin)
    fixed = plan_check(baseline, (3, 5), higher_is_better=True, margin=3.0, run_effect=0.5)
    assert fixed.margin == 3.0


def test_a_shift_of_two_run_effects_is_no_regression_where_runs_differ_so_much():
    generator = np.random.default_rng(8)
    baseline = generator.normal(size=20)
    candidate = generator.normal(size=5) - 1.8
    alone = plan_check(baseline, (3, 5), higher_is_better=True)
    widened = plan_check(baseline, (3, 5), higher_is_better=True, run_effect=1.0)
    assert alone.follow(baseline, candidate)[-1].action == "reject"
    assert widened.follow(baseline, candidate)[-1].action != "reject"


def test_a_constant_baseline_is_held_to_the_run_effect_alone():
    check = plan_check([1.0] * 20, (3, 5), higher_is_better=True, run_effect=0.1)
    assert check.margin > 0.0
    within, beyond = (check.follow([1.0] * 20, [1.0 - loss] * 5)[-1] for loss in (0.1, 1.0))
    assert within.action != "reject"
    assert beyond.action == "reject"


def test_a_metric_without_spread_keeps_an_interval_and_a_detectable_loss():
    check = plan_check([1.0] * 20, (5,), higher_is_better=True, margin=0.3, run_effect=0.05)
    (decision,) = check.follow([1.0] * 20, [0.5] * 5)
    assert decision.action == "reject"
    low, high = decision.comparison.interval
    assert low < decision.comparison.difference == -0.5 < high < -0.3
    assert 0.0 < decision.comparison.detectable < 0.3


def test_failed_seeds_that_enter_the_test_hide_no_collapse_and_bring_no_acceptance(rng):
    baseline = rng.normal(size=20)
    check = plan_check(
        baseline, (5,), higher_is_better=True, margin=18.0, on_nonfinite="test", run_effect=4.0
    )
    (collapsed,) = check.follow(baseline, rng.normal(-60.0, 1.0, size=5))
    assert collapsed.action == "reject"
    # As far from the baseline as the margin: the smallest p-value of ranks does not tell.
    (at_margin,) = check.follow(baseline, rng.normal(-18.0, 1.0, size=5))
    assert at_margin.action != "accept"


def test_a_run_beyond_the_limit_of_single_seeds_is_no_collapse_of_seeds(rng):
    """Twelve standard deviations of seeds are 1.7 of the difference of two such runs."""
    baseline, candidate = rng.normal(size=20), rng.normal(-12.0, 1.0, size=5)
    alone, beside = (
        plan_check(
            baseline, (5,), higher_is_better=True, margin=6.0, alpha=0.005, run_effect=tau
        ).follow(baseline, candidate)[-1]
        for tau in (0.0, 5.0)
    )
    assert alone.action == "reject"
    assert not beside.harm_shown
    assert beside.collapsed.only_candidate


def test_pairs_of_seeds_do_not_hide_what_runs_differ_by(rng):
    seeds = rng.normal(size=5)
    now = seeds - 0.3 + rng.normal(0.0, 0.05, size=5)
    alone, beside = (
        plan_check(
            seeds, (5,), higher_is_better=True, margin=1.0, test="paired", run_effect=tau
        ).follow(seeds, now)[-1]
        for tau in (0.0, 0.3)
    )
    assert alone.comparison.p_harm < 0.001
    assert beside.comparison.p_harm > 0.1


def test_no_number_of_seeds_removes_a_run_effect():
    spread = Spread(1.0, 1.2, lower_bound=False, df=19.0)
    plan = plan_metric(spread, (3, 5), n_baseline=20, alpha=0.05, margin=2.0, run_effect=0.3)
    alone = plan_metric(spread, (3, 5), n_baseline=20, alpha=0.05, margin=2.0)
    assert plan.detectable_90 > 1.2 * alone.detectable_90
    assert plan.power < alone.power
    assert plan.needed.candidate > alone.needed.candidate
    assert 1.2 < plan.least_detectable < 1.4
    assert alone.least_detectable == 0.0
    none = seeds_needed(1.0, n_baseline=20, alpha=0.05, run_effect_sd=0.3)
    assert (none.candidate, none.candidate_then) == (None, None)
    assert seeds_needed(1.0, n_baseline=20, alpha=0.05).candidate is not None


def test_power_of_the_plan_is_that_of_the_widened_check():
    generator = np.random.default_rng(5)
    spread = Spread(1.0, 1.2, lower_bound=False)
    plan = plan_metric(spread, (5,), n_baseline=20, alpha=0.05, margin=2.5, run_effect=0.5)
    found = []
    for _ in range(300):
        baseline = generator.normal(size=20) + 0.5 * generator.normal()
        candidate = generator.normal(size=5) + 0.5 * generator.normal() - 2.5
        check = plan_check(baseline, (5,), higher_is_better=True, margin=2.5, run_effect=0.5)
        found.append(check.follow(baseline, candidate)[-1].harm_shown)
    assert np.mean(found) == pytest.approx(plan.power, abs=0.06)


def test_what_is_shown_is_a_matter_of_runs_level_and_size():
    effect = RunEffect(tau=0.3, sd=1.0, n_runs=5, pvalue=LEVEL)
    assert effect.shown
    for other in ({"n_runs": 4}, {"pvalue": LEVEL + 1e-9}, {"tau": 0.0}):
        assert not replace(effect, **other).shown
