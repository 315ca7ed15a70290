"""What seeds can detect, what it takes to detect more, and what is refused."""

import math
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from pytest_mlregress.looks import default_looks
from pytest_mlregress.statistics.batched_pvalues import harm_pvalues
from pytest_mlregress.statistics.comparison import compare
from pytest_mlregress.statistics.early_stop import plan_check
from pytest_mlregress.statistics.planner import plan_metric, suite_pass_probability
from pytest_mlregress.statistics.power import (
    attainable_level,
    design_for_margin,
    design_for_power,
    detectable_loss,
    draws_of,
    fixed_power,
    sequential_power,
    spendable_alpha,
    with_evidence_of_safety,
)
from pytest_mlregress.statistics.promised_margin import automatic_margins
from pytest_mlregress.statistics.required_seeds import (
    SeedsNeeded,
    UnaffordableError,
    require_affordable,
    require_attainable,
    seeds_needed,
)
from pytest_mlregress.statistics.sequential import (
    operating_characteristics,
    sequential_design,
)
from pytest_mlregress.statistics.simulation import run_checks, safety_of_samples, simulate_checks
from pytest_mlregress.statistics.spread import Spread, spread_of, spread_of_accuracy

UNIT = Spread(1.0, 1.15, lower_bound=False)
BASELINE = np.random.default_rng(3).normal(size=20)


def samples(shape, checks, loss, seed):
    generator = np.random.default_rng(seed)
    n_baseline, n_candidate = shape
    baseline = generator.normal(size=(checks, n_baseline))
    return baseline, generator.normal(-loss, 1.0, size=(checks, n_candidate))


def decisions(design, shape, checks, loss, seed, most=20_000, margin=None):
    """Simulated checks under a design, by default with each baseline's automatic margin."""
    baseline, candidate = samples(shape, checks, loss, seed)
    margins = automatic_margins(baseline, design) if margin is None else np.full(checks, margin)
    return run_checks(
        design,
        checks,
        lambda n, which: harm_pvalues(baseline[which], candidate[which, :n], max_relabellings=most),
        safety_of_samples(baseline, candidate, margins, design, most=most),
    )


# --- the simulated test is the product's


@pytest.mark.parametrize("shape", [(20, 5), (20, 3), (10, 2), (5, 5), (7, 1), (1, 4)])
@pytest.mark.parametrize("kind", ["normal", "integers", "near-constant", "outliers"])
def test_batched_p_values_are_those_of_compare(shape, kind):
    baseline, candidate = samples(shape, 12, 1.0, seed=3)
    shaped = {
        "normal": lambda x: x,
        "integers": np.round,
        "near-constant": lambda x: np.where(x < -1.5, 0.0, 1.0),
        "outliers": lambda x: np.where(x < -1.8, -1e4, x),
    }[kind]
    baseline, candidate = shaped(baseline), shaped(candidate)
    batched = harm_pvalues(baseline, candidate, max_relabellings=200_000)
    one_by_one = [
        compare(b, c, higher_is_better=True).p_harm
        for b, c in zip(baseline, candidate, strict=True)
    ]
    assert batched == pytest.approx(one_by_one, abs=1e-12)


def test_a_simulated_check_takes_the_decisions_of_a_real_one():
    baseline, candidate = samples((20, 5), 60, 1.5, seed=4)
    plan = plan_check(baseline[0], (2, 5), higher_is_better=True, alpha=0.05)
    checks = decisions(plan.design, (20, 5), 60, 1.5, seed=4, most=200_000, margin=plan.margin)
    rejected, seeds = checks.rejected, checks.seeds
    final = [plan.follow(b, c)[-1] for b, c in zip(baseline, candidate, strict=True)]
    assert [bool(r) for r in rejected] == [d.action == "reject" for d in final]
    assert [bool(a) for a in checks.accepted] == [d.action == "accept" for d in final]
    assert list(seeds) == [d.n_seeds for d in final]
    assert 0 < rejected.sum() < 60
    assert 0 < (seeds == 2).sum() < 60


# --- power


def test_the_power_of_all_seeds_at_once_is_that_of_the_design_contract():
    """20 against 5 seeds, alpha 0.01, a loss of 2 SD: 0.88."""
    power = fixed_power(2.0, n_baseline=20, n_candidate=5, alpha=0.01)
    assert power == pytest.approx(0.88, abs=0.03)


@pytest.mark.parametrize(
    ("looks", "n_baseline", "alpha", "loss", "n"),
    [((2, 5), 10, 0.05, 1.744, 4000), ((5,), 5, 0.05, 2.0, 4000), ((3, 5), 10, 0.05, 1.5, 3000)],
)
def test_formulas_agree_with_simulation(looks, n_baseline, alpha, loss, n):
    design, margin = design_for_power(looks, n_baseline=n_baseline, alpha=alpha)
    simulated = simulate_checks(design, loss, n_baseline=n_baseline, margin_sd=margin, checks=n)
    safe = with_evidence_of_safety(design, margin, n_baseline=n_baseline)
    power, seeds = sequential_power(safe, loss, n_baseline=n_baseline)
    assert power == pytest.approx(simulated.power, abs=0.04)
    assert seeds == pytest.approx(simulated.expected_seeds, rel=0.06)


TWELVE_SETTINGS = [
    ((2, 5), 20, 0.05),
    ((2, 5), 20, 0.01),
    ((2, 5), 20, 0.001),
    ((3, 5), 20, 0.01),
    ((2, 4, 8), 20, 0.01),
    ((3, 6, 11), 20, 0.01),
    ((3, 6, 11), 20, 0.05),
    ((3, 5, 10), 10, 0.05),
    ((3, 5, 10), 10, 0.01),
    ((2, 5), 5, 0.05),
    ((2, 5), 40, 0.01),
    ((5,), 20, 0.01),
]


@pytest.mark.slow
@pytest.mark.parametrize(("looks", "n_baseline", "alpha"), TWELVE_SETTINGS)
def test_the_plan_agrees_with_simulation(looks, n_baseline, alpha):
    plan = plan_metric(UNIT, looks, n_baseline=n_baseline, alpha=alpha, simulated=True)
    design, margin_sd = design_for_power(looks, n_baseline=n_baseline, alpha=alpha)
    shape = (n_baseline, looks[-1])
    lost = decisions(design, shape, 6000, margin_sd, seed=77)
    rejected, seeds = lost.rejected, lost.seeds
    assert plan.power == pytest.approx(rejected.mean(), abs=0.03)
    assert plan.expected_seeds_at_margin == pytest.approx(seeds.mean(), rel=0.03)
    idle = decisions(design, shape, 6000, 0.0, seed=78).seeds
    noise = 2 * idle.std() / math.sqrt(idle.size)  # of the simulation itself
    assert plan.expected_seeds_unchanged == pytest.approx(
        idle.mean(), abs=0.03 * idle.mean() + noise
    )
    safe = with_evidence_of_safety(design, margin_sd, n_baseline=n_baseline)
    power, expected = sequential_power(safe, margin_sd, n_baseline=n_baseline)
    assert power == pytest.approx(rejected.mean(), abs=0.04)
    assert expected == pytest.approx(seeds.mean(), rel=0.06)


@given(st.integers(2, 12), st.integers(3, 30), st.sampled_from([0.05, 0.01]))
def test_the_automatic_design_detects_its_loss_with_90_percent(n, n_baseline, alpha):
    design, loss = design_for_power(default_looks(n), n_baseline=n_baseline, alpha=alpha)
    if math.isinf(loss):
        assert sequential_power(design, 20.0, n_baseline=n_baseline)[0] < 0.9
    else:
        power, _ = sequential_power(design, loss, n_baseline=n_baseline)
        assert power == pytest.approx(0.9, abs=1e-3)


@given(st.floats(1e-6, 1.0), st.integers(1, 20), st.integers(1, 8))
def test_the_attainable_level_is_the_largest_p_value_not_above(p, n_baseline, n_candidate):
    step = 1 / min(math.comb(n_baseline + n_candidate, n_candidate), 200_001)
    level = attainable_level(p, n_baseline, n_candidate)
    assert level <= p * (1 + 1e-8) < level + step * (1 + 1e-6)


def test_a_looser_margin_costs_fewer_seeds():
    tight = design_for_margin((3, 6, 11), n_baseline=20, alpha=0.01, margin_sd=1.6)
    loose = design_for_margin((3, 6, 11), n_baseline=20, alpha=0.01, margin_sd=3.0)
    assert loose.expected_seeds_unchanged < tight.expected_seeds_unchanged


def test_a_single_look_spends_all_of_alpha_and_several_spend_less():
    assert spendable_alpha(0.05, 1) == 0.05
    assert spendable_alpha(0.05, 2) == pytest.approx(0.05 / 1.15)
    assert spendable_alpha(0.05, 3) == pytest.approx(0.05 / 1.15)
    assert spendable_alpha(0.05, 5) == pytest.approx(0.05 / 1.36)
    design, _ = design_for_power((3, 5), n_baseline=20, alpha=0.05)
    false_red, _ = operating_characteristics(design, 0.0)
    assert false_red == pytest.approx(0.05 / 1.15)


def test_one_interim_look_costs_little_power():
    """The same simulated seeds, judged after 3 and 5 of them, and all at once."""
    design, margin = design_for_power((3, 5), n_baseline=20, alpha=0.01)
    at_once = sequential_design((5,), n_baseline=20, alpha=0.01, beta=0.1, margin_sd=2.0)
    simulated = partial(simulate_checks, n_baseline=20, margin_sd=margin, checks=3000)
    stopped = simulated(design, 2.0)
    assert stopped.power > simulated(at_once, 2.0).power - 0.03
    assert stopped.expected_seeds < 4.3
    assert simulated(design, 0.0).expected_seeds < 3.7


def test_80_percent_is_detected_at_a_smaller_loss_than_90():
    design, _ = design_for_power((3, 6, 11), n_baseline=20, alpha=0.01)
    assert detectable_loss(design, n_baseline=20, power=0.8) < detectable_loss(
        design, n_baseline=20, power=0.9
    )


# --- the spread


def test_the_upper_bound_of_a_spread_covers_the_truth_in_80_percent():
    generator = np.random.default_rng(5)
    uppers = [spread_of(generator.normal(size=20)).upper for _ in range(2000)]
    # Winsorising takes a little off the spread, and so off the bound.
    assert np.mean(np.array(uppers) >= 1.0) == pytest.approx(0.8, abs=0.06)


def test_the_upper_factor_is_that_of_chi_square():
    values = np.linspace(-1, 1, 20)
    spread = spread_of(values)
    assert spread.sd == pytest.approx(values.std(ddof=1))
    assert spread.upper / spread.sd == pytest.approx(1.1775, abs=1e-3)


def test_the_spread_before_any_run_comes_from_the_test_set():
    spread = spread_of_accuracy(0.9, 10_000)
    assert spread.sd == pytest.approx(0.003)
    assert spread.lower_bound


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: spread_of([1.0, math.nan]), "values has 1 finite of 2; a spread needs at least 2"),
        (lambda: spread_of_accuracy(1.0, 100), "accuracy is 1.0; allowed is a number between"),
        (lambda: spread_of_accuracy(0.5, 0), "n_test is 0; allowed is at least 1 test example"),
        (lambda: seeds_needed(0.0, n_baseline=20, alpha=0.01), "loss_sd is 0.0; allowed"),
        (
            lambda: plan_metric(Spread(0.0, 0.0, False), (2, 5), n_baseline=20, alpha=0.01),
            "the spread is 0.0; a plan needs a positive one",
        ),
        (
            lambda: plan_metric(UNIT, (2, 5), n_baseline=20, alpha=0.01, margin=0.0),
            "margin is 0.0; allowed is a finite number above 0, or None",
        ),
    ],
)
def test_bad_input_is_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


# --- what it takes


@pytest.mark.parametrize("loss_sd", [1.0, 1.5, 2.5])
def test_the_seeds_needed_suffice_and_one_fewer_does_not(loss_sd):
    needed = seeds_needed(loss_sd, n_baseline=20, alpha=0.01)
    n = needed.candidate
    assert design_for_power(default_looks(n), n_baseline=20, alpha=0.01)[1] <= loss_sd
    assert design_for_power(default_looks(n - 1), n_baseline=20, alpha=0.01)[1] > loss_sd


def test_a_small_loss_needs_a_larger_baseline():
    needed = seeds_needed(0.5, n_baseline=20, alpha=0.01)
    assert needed.candidate is None
    assert needed.more_baseline > 0
    larger = 20 + needed.more_baseline
    assert seeds_needed(0.5, n_baseline=larger, alpha=0.01).candidate == needed.candidate_then
    assert needed.candidate_then <= larger
    assert str(needed) == (
        f"no number of candidate seeds suffices: record {needed.more_baseline} more baseline "
        f"seeds, then {needed.candidate_then} seeds per check would do"
    )


def test_a_tiny_loss_is_beyond_planning():
    assert seeds_needed(0.01, n_baseline=20, alpha=0.01) == SeedsNeeded(None)
    assert str(SeedsNeeded(None)) == "not even 1000 seeds on both sides would do"


# --- settings far out


def attainable(looks, *, n_baseline, alpha):
    """Whether the smallest p-value of the last look reaches its boundary."""
    design, _ = design_for_power(looks, n_baseline=n_baseline, alpha=alpha)
    level = float(norm.sf(design.reject[-1]))
    return attainable_level(level, n_baseline, looks[-1], draws_of(design)) > 0


FAR_OUT = {
    "n": st.integers(1, 40),
    "n_baseline": st.sampled_from([1, 2, 3, 5, 20]),
    "alpha": st.sampled_from([0.5, 0.05, 0.01, 1e-6, 1e-12]),
}


@settings(max_examples=40, deadline=None)
@given(
    margin=st.none() | st.floats(5e-324, 1e300),
    sd=st.sampled_from([1.0, 0.01, 1e-200, 1e200]),
    **FAR_OUT,
)
def test_any_plan_has_figures_or_is_refused(n, n_baseline, alpha, margin, sd):
    spread = Spread(sd, 1.2 * sd, lower_bound=False)
    looks = default_looks(n)
    if not attainable(looks, n_baseline=n_baseline, alpha=alpha):
        with pytest.raises(UnaffordableError, match="no p-value is below"):
            plan_metric(spread, looks, n_baseline=n_baseline, alpha=alpha, margin=margin)
        return
    if math.isinf(design_for_power(looks, n_baseline=n_baseline, alpha=alpha)[1]):
        with pytest.raises(UnaffordableError, match="accepts every result"):
            plan_metric(spread, looks, n_baseline=n_baseline, alpha=alpha, margin=margin)
        return
    plan = plan_metric(spread, looks, n_baseline=n_baseline, alpha=alpha, margin=margin)
    for power in (plan.power, plan.power_upper_sd, plan.power_all_seeds, plan.pass_probability):
        assert 0.0 <= power <= 1.0
    assert plan.detectable_80 <= plan.detectable_90
    first, last = plan.looks[0], plan.looks[-1]
    for seeds in (plan.expected_seeds_unchanged, plan.expected_seeds_at_margin):
        assert first - 1e-6 <= seeds <= last + 1e-6
    assert margin is None or plan.margin == margin


@settings(max_examples=40, deadline=None)
@given(margin_sd=st.floats(5e-324, math.inf), **FAR_OUT)
def test_any_fixed_margin_is_affordable_or_refused_with_figures(n, n_baseline, alpha, margin_sd):
    refusal = ""
    try:
        require_affordable(margin_sd, default_looks(n), n_baseline=n_baseline, alpha=alpha)
    except UnaffordableError as error:
        refusal = str(error)
    assert "nan" not in refusal
    assert refusal or margin_sd > 0.1


def test_a_margin_that_dwarfs_the_spread_is_affordable_and_seen_at_once():
    require_affordable(math.inf, (3, 5), n_baseline=20, alpha=0.01)
    plan = plan_metric(
        Spread(1e-200, 1e-200, lower_bound=False), (3, 5), n_baseline=20, alpha=0.01, margin=1e200
    )
    assert plan.power == plan.power_all_seeds == 1.0
    assert plan.expected_seeds_at_margin == 3.0
    assert plan.needed == SeedsNeeded(plan.needed.candidate)


@pytest.mark.parametrize("n_baseline", [5, 10, 20, 40])
@pytest.mark.parametrize("n", [3, 4, 5, 8, 11, 20])
@pytest.mark.parametrize("comparisons", [1, 5, 13, 50, 200, 1000])
@pytest.mark.parametrize("times", [1.0, 1.5, 3.0, 10.0, 100.0, 1e9])
def test_a_margin_above_the_detectable_loss_is_detected(n_baseline, n, comparisons, times):
    looks, alpha = default_looks(n), 0.05 / comparisons
    try:
        require_attainable(looks, n_baseline=n_baseline, alpha=alpha)
    except UnaffordableError:
        return
    _, detectable = design_for_power(looks, n_baseline=n_baseline, alpha=alpha)
    require_affordable(times * detectable, looks, n_baseline=n_baseline, alpha=alpha)


@pytest.mark.parametrize("margin", [5.0, 10.0, 50.0, 1e6])
def test_a_loss_beyond_a_large_margin_is_rejected_in_a_large_suite(rng, margin):
    # 3 against 20 seeds have no p-value below 1/1771: a first look that accepts it sees nothing.
    check = plan_check(BASELINE, (3, 5), higher_is_better=True, margin=margin, alpha=0.05 / 200)
    candidate = rng.normal(-2.0 * margin, 1.0, 5)
    assert check.follow(BASELINE, candidate)[-1].action == "reject"
    assert check.follow(BASELINE, BASELINE[:5])[-1].action == "accept"


# --- refusals


def test_three_against_three_at_one_percent_is_refused_with_what_would_do():
    with pytest.raises(UnaffordableError) as error:
        require_attainable((3,), n_baseline=3, alpha=0.01)
    assert str(error.value) == (
        "3 seeds against 3 baseline seeds cannot show a loss at level 0.01: no p-value is below "
        "0.05; 7 seeds per check or 7 baseline seeds would do"
    )
    require_attainable((7,), n_baseline=3, alpha=0.01)
    require_attainable((3,), n_baseline=7, alpha=0.01)


def test_looks_that_accept_every_result_are_refused_with_what_would_do():
    with pytest.raises(UnaffordableError) as refused:
        require_attainable((3, 4, 8), n_baseline=3, alpha=0.01)
    assert str(refused.value) == (
        "8 seeds against 3 baseline seeds cannot show a loss: their look after 3 seeds accepts "
        "every result at alpha 0.01; 4 baseline seeds, or a single look at all seeds would do"
    )
    require_attainable((3, 4, 8), n_baseline=4, alpha=0.01)
    require_attainable((8,), n_baseline=3, alpha=0.01)


def test_a_margin_that_the_seeds_cannot_pay_for_is_refused_with_the_planners_number():
    message = (
        r"5 seeds against 20 detect a loss of the margin \(1 SD\) "
        r"with power 0\.\d\d; allowed is 0\.8 and more\. They detect 2\.\d+ standard "
        r"deviations with power 0\.9; \d+ seeds per check would do"
    )
    with pytest.raises(UnaffordableError, match=message):
        require_affordable(1.0, (2, 5), n_baseline=20, alpha=0.01)
    require_affordable(2.5, (2, 5), n_baseline=20, alpha=0.01)


def test_a_plan_that_cannot_reach_alpha_is_refused():
    with pytest.raises(UnaffordableError, match=r"no p-value is below 0\.05"):
        plan_metric(UNIT, (3,), n_baseline=3, alpha=0.01)


# --- the plan as a whole


def test_a_plan_in_metric_units():
    plan = plan_metric(Spread(0.01, 0.0115, False), (3, 5), n_baseline=20, alpha=0.01)
    in_sd = plan_metric(UNIT, (3, 5), n_baseline=20, alpha=0.01)
    assert plan.margin == plan.detectable_90 == pytest.approx(0.01 * in_sd.detectable_90)
    assert plan.detectable_80 < plan.detectable_90
    assert plan.power == pytest.approx(0.9, abs=0.01)
    assert plan.power_upper_sd < plan.power < plan.power_all_seeds
    assert 3 <= plan.expected_seeds_unchanged < plan.expected_seeds_at_margin <= 5
    assert plan.smallest_p == 1 / math.comb(25, 5)
    assert plan.needed == SeedsNeeded(5)
    assert plan.pass_probability == 0.99


def test_an_automatic_margin_is_at_least_the_resolution():
    how = {"n_baseline": 20, "alpha": 0.01}
    automatic = plan_metric(UNIT, (3, 5), **how)
    assert plan_metric(UNIT, (3, 5), resolution=0.5, **how) == automatic
    coarse = plan_metric(UNIT, (3, 5), resolution=4.0, **how)
    assert coarse == plan_metric(UNIT, (3, 5), margin=4.0, **how)
    assert coarse.margin == 4.0


def test_a_fixed_margin_that_is_hard_to_exclude_passes_less_often():
    plan = plan_metric(UNIT, (2, 5), n_baseline=20, alpha=0.01, margin=1.0)
    assert plan.power < 0.4
    assert plan.pass_probability < 0.9
    assert plan.needed.candidate > 5


def test_the_suite_passes_at_least_as_often_as_bonferroni_says():
    plans = [plan_metric(UNIT, (2, 5), n_baseline=20, alpha=0.05 / 50)] * 50
    at_least, independent = suite_pass_probability(plans)
    assert at_least == pytest.approx(0.95)
    assert independent == pytest.approx(0.999**50)


def test_a_design_with_one_look_is_the_fixed_test():
    design = sequential_design((5,), n_baseline=20, alpha=0.01, beta=0.1, margin_sd=2.0)
    power, seeds = sequential_power(design, 2.0, n_baseline=20)
    assert power == pytest.approx(fixed_power(2.0, n_baseline=20, n_candidate=5, alpha=0.01))
    assert seeds == 5


@pytest.mark.parametrize("comparisons", [190, 200, 250, 400, 1000])
def test_small_levels_have_a_plan_where_scipys_noncentral_t_is_nan(comparisons):
    needed = seeds_needed(2.0, n_baseline=20, alpha=0.05 / comparisons)
    assert needed.candidate is not None
    assert 5 < needed.candidate < 40
