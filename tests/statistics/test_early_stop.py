"""A check, look by look: what ends it, what it uses, and what it never lets through."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from pytest_mlregress.statistics.early_stop import decide_at_look, plan_check
from pytest_mlregress.statistics.power import design_for_power
from pytest_mlregress.statistics.spread import spread_of

BASELINE = np.random.default_rng(0).normal(0.9, 0.01, 20)
# A typical baseline-like candidate: the middle of the baseline, in seed order.
TYPICAL = np.sort(BASELINE)[[9, 11, 8, 12, 10, 7, 13, 9, 11, 8, 12]]


def actions(decisions):
    return [decision.action for decision in decisions]


def check(margin="auto", looks=(3, 6, 11), alpha=0.01, baseline=BASELINE, **settings):
    return plan_check(
        baseline, looks, higher_is_better=True, margin=margin, alpha=alpha, **settings
    )


def test_an_unchanged_candidate_is_accepted_at_the_first_look():
    (decision,) = check().follow(BASELINE, TYPICAL[:3])
    assert (decision.action, decision.n_seeds) == ("accept", 3)
    assert decision.z <= decision.accept
    assert not decision.harm_shown


def test_a_collapse_is_rejected_at_the_first_look():
    (decision,) = check().follow(BASELINE, TYPICAL[:3] - 0.1)
    assert decision.action == "reject"
    assert decision.z >= decision.reject
    assert decision.estimated_loss == pytest.approx(0.1, rel=0.7)


def test_nothing_is_decided_before_the_first_look():
    assert check().follow(BASELINE, TYPICAL[:2]) == ()


def test_seeds_beyond_the_deciding_look_change_nothing():
    few = check().follow(BASELINE, TYPICAL[:3])
    many = check().follow(BASELINE, np.concatenate((TYPICAL[:3], np.full(8, 0.1))))
    assert few == many


def test_z_is_the_normal_quantile_of_the_exact_p_value():
    (decision,) = check(looks=(5,)).follow(BASELINE, TYPICAL[:5] - 0.01)
    assert decision.z == pytest.approx(norm.isf(decision.comparison.p_harm))
    assert decision.comparison.n_candidate == 5


def test_a_loss_metric_is_turned_around():
    turned = plan_check(-BASELINE, (3, 6, 11), higher_is_better=False, alpha=0.01)
    straight = check()
    for loss in (0.0, 0.012, 0.1):
        one = straight.follow(BASELINE, TYPICAL - loss)
        other = turned.follow(-BASELINE, -(TYPICAL - loss))
        assert actions(one) == actions(other)
        assert [d.z for d in one] == pytest.approx([d.z for d in other])


def test_a_real_loss_below_a_fixed_margin_goes_on_and_ends_accepted_with_harm_shown():
    decisions = check(margin=0.05).follow(BASELINE, TYPICAL - 0.03)
    assert decisions[0].harm_shown
    assert decisions[0].estimated_loss < 0.05
    assert decisions[0].action == "continue"
    assert decisions[-1].action == "accept"
    assert decisions[-1].harm_shown
    assert decisions[-1].comparison.p_safe <= 0.1


def test_the_same_loss_is_rejected_at_once_where_the_margin_is_automatic():
    (decision,) = check().follow(BASELINE, TYPICAL - 0.03)
    assert decision.action == "reject"


def test_a_loss_beyond_a_fixed_margin_is_rejected_at_once():
    (decision,) = check(margin=0.02).follow(BASELINE, TYPICAL - 0.03)
    assert decision.action == "reject"


def test_harm_that_was_shown_early_is_still_red_at_the_end_unless_it_is_small():
    candidate = TYPICAL.copy()
    candidate[:3] -= 0.04
    candidate[3:] -= 0.039
    decisions = check(margin=0.0401).follow(BASELINE, candidate)
    assert decisions[0].action == "continue"
    assert decisions[0].harm_shown
    assert decisions[-1].action == "reject"


def test_a_fixed_margin_that_the_seeds_cannot_exclude_is_inconclusive_at_the_last_look():
    decisions = check(margin=0.001, looks=(2, 3)).follow(BASELINE, TYPICAL[:3] - 0.006)
    assert actions(decisions) == ["continue", "inconclusive"]


def test_a_margin_that_is_just_detected_gives_the_automatic_design():
    automatic = check()
    _, detectable = design_for_power((3, 6, 11), n_baseline=20, alpha=0.01)
    fixed = check(margin=detectable * spread_of(BASELINE).sd)
    assert fixed.fixed_margin
    assert not automatic.fixed_margin
    assert fixed.design.reject == pytest.approx(automatic.design.reject, abs=1e-6)
    assert fixed.design.accept == pytest.approx(automatic.design.accept, abs=1e-6)


def test_a_constant_metric_that_stays_is_accepted_and_one_that_falls_is_rejected():
    ones = np.ones(20)
    plan = check(baseline=ones)
    assert actions(plan.follow(ones, np.ones(11))) == ["accept"]
    assert actions(plan.follow(ones, np.zeros(11))) == ["reject"]


def test_a_constant_metric_is_held_to_one_step_of_it():
    """Half of the seeds lose one example in a hundred: half a step, and no reason to stop work."""
    ones = np.ones(20)
    candidate = np.array([0.99, 1.0, 0.99, 1.0, 0.99, 1.0])
    (exact,) = check(baseline=ones, looks=(6,)).follow(ones, candidate)
    assert exact.action == "reject"
    stepwise = check(baseline=ones, looks=(6,), resolution=0.01)
    assert stepwise.margin == 0.01
    (half_a_step,) = stepwise.follow(ones, candidate)
    assert (half_a_step.action, half_a_step.harm_shown) == ("accept", True)
    (a_step,) = stepwise.follow(ones, np.full(6, 0.99))
    assert a_step.action == "reject"
    (none,) = stepwise.follow(ones, np.ones(6))
    assert (none.action, none.harm_shown) == ("accept", False)


def test_a_resolution_below_the_automatic_margin_changes_nothing():
    assert check(resolution=1e-4) == check()
    assert check(margin=0.02, resolution=0.05) == check(margin=0.02)


@pytest.mark.parametrize("resolution", [0.0, -0.1, np.inf, np.nan])
def test_a_bad_resolution_is_named(resolution):
    with pytest.raises(ValueError, match=f"resolution is {resolution!r}; allowed is a finite"):
        check(resolution=resolution)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_non_finite_value_rejects_where_the_baseline_has_none(bad):
    candidate = TYPICAL[:3].copy()
    candidate[1] = bad
    (decision,) = check().follow(BASELINE, candidate)
    assert decision.action == "reject"
    assert decision.comparison.verdict == "diverged"


def test_all_seeds_lost_is_rejected_even_where_lost_seeds_only_enter_the_test():
    plan = check(on_nonfinite="test")
    assert actions(plan.follow(BASELINE, np.full(11, np.nan))) == ["reject"]


def test_a_look_that_cannot_reach_its_boundary_can_still_accept_or_go_on():
    plan = check(looks=(2, 5), alpha=0.001)
    assert actions(plan.follow(BASELINE, TYPICAL[:5])) == ["accept"]
    assert actions(plan.follow(BASELINE, TYPICAL[:5] - 0.2)) == ["continue", "reject"]


def test_a_clear_gain_is_accepted_as_one():
    (decision,) = check(looks=(5,)).follow(BASELINE, TYPICAL[:5] + 0.05)
    assert decision.action == "accept"
    assert decision.better_shown


@pytest.mark.parametrize("test", ["welch", "student", "paired"])
def test_classical_p_values_are_not_fed_to_the_boundaries(test):
    with pytest.raises(ValueError, match=f"test='{test}' cannot stop early"):
        check(test=test)
    assert check(test=test, looks=(20,)).test == test


def test_a_look_takes_exactly_its_seeds():
    with pytest.raises(ValueError, match="look 1 takes the first 6 seeds; got 3 values"):
        decide_at_look(1, BASELINE, TYPICAL[:3], check=check())


@settings(max_examples=40)
@given(
    st.lists(st.floats(-5, 5), min_size=5, max_size=5),
    st.floats(-4, 4),
    st.sampled_from(["auto", 1.0, 0.3]),
)
def test_every_check_ends_and_says_what_it_saw(noise, loss, margin):
    baseline = np.linspace(-2, 2, 10)
    plan = check(margin=margin, looks=(2, 5), alpha=0.05, baseline=baseline)
    decisions = plan.follow(baseline, np.asarray(noise) - loss)
    assert [d.action == "continue" for d in decisions[:-1]] == [True] * (len(decisions) - 1)
    final = decisions[-1]
    assert final.action != "continue"
    if final.action == "reject":
        assert any(d.z >= d.reject for d in decisions)
        assert final.harm_shown
    if final.action == "accept" and margin == "auto":
        assert not final.harm_shown


@settings(max_examples=30)
@given(st.lists(st.floats(-3, 3), min_size=5, max_size=5), st.integers(0, 4))
def test_losing_a_seed_never_turns_a_red_check_green(values, lost):
    baseline = np.linspace(-2, 2, 10)
    plan = check(looks=(2, 5), alpha=0.05, baseline=baseline)
    before = plan.follow(baseline, values)
    values[lost] = np.nan
    after = plan.follow(baseline, values)
    if before[-1].action == "reject":
        assert after[-1].action == "reject"
