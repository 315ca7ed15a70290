"""Margins: what a user may write, what it resolves to, and what so many seeds can detect."""

import math

import numpy as np
import pytest

from pytest_mlregress.statistics import compare
from pytest_mlregress.statistics.margins import (
    Margin,
    detectable_in_sd,
    detectable_loss,
    detectable_noncentrality,
    parse_margin,
)
from pytest_mlregress.statistics.permutation import welch_permutation_test
from pytest_mlregress.statistics.samples import winsorised_pair

BASELINE = np.array([-1.0, -2.0, -3.0, -6.0])


@pytest.mark.parametrize(
    ("written", "parsed"),
    [
        (0.01, Margin("absolute", 0.01)),
        (0, Margin("absolute", 0.0)),
        (np.float32(0.5), Margin("absolute", 0.5)),
        ("1%", Margin("relative", 0.01)),
        (" 2.5 % ", Margin("relative", 0.025)),
        ("1sd", Margin("sd", 1.0)),
        (".5 SD", Margin("sd", 0.5)),
        ("1e-1sd", Margin("sd", 0.1)),
        ("+1.E+1 %", Margin("relative", 0.1)),
        (" Auto ", Margin("auto")),
        ("auto", Margin("auto")),
    ],
)
def test_what_a_margin_may_be(written, parsed):
    assert parse_margin(written) == parsed
    assert type(parse_margin(written).amount) is float


@pytest.mark.parametrize(
    "written",
    [
        -0.01,
        math.nan,
        math.inf,
        True,
        None,
        "-1%",
        "1",
        "sd",
        "1 percent",
        "1_0sd",
        "\u0661sd",
        "1e309sd",
        np.timedelta64(1, "s"),
        "nan%",
        "",
        [1],
        10**400,
        "9" * 400 + "%",
    ],
)
def test_anything_else_is_named_with_what_is_allowed(written):
    with pytest.raises(ValueError) as raised:
        compare([1, 2], [1, 2], higher_is_better=True, margin=written)
    assert str(raised.value) == (
        f"margin={written!r} is not a margin; allowed is an absolute loss in metric units (0.01), "
        'a share of the baseline mean ("1%"), a number of baseline standard deviations ("1sd"), '
        'or "auto"; none of them negative'
    )


def test_margins_resolve_to_metric_units():
    # Mean -3, sum of squares 4 + 1 + 0 + 9 = 14.
    assert Margin("absolute", 0.2).resolve(BASELINE, 7.0) == 0.2
    assert Margin("relative", 0.1).resolve(BASELINE, 7.0) == pytest.approx(0.3)
    assert Margin("sd", 1.5).resolve(BASELINE, 7.0) == pytest.approx(1.5 * math.sqrt(14 / 3))
    assert Margin("auto").resolve(BASELINE, 7.0) == 7.0


def test_a_failed_baseline_seed_does_not_spoil_the_margin():
    with_failure = np.append(BASELINE, np.nan)
    for margin in (Margin("relative", 0.1), Margin("sd", 1.0)):
        assert margin.resolve(with_failure, 7.0) == margin.resolve(BASELINE, 7.0)


def test_noncentrality_gives_the_power():
    from scipy import stats

    drift = detectable_noncentrality(12.0, 0.01, 0.9)
    assert stats.nct.sf(stats.t.isf(0.01, 12), 12, drift) == pytest.approx(0.9, abs=1e-6)


def test_detectable_loss_of_the_classical_tests_equals_statsmodels():
    from statsmodels.stats.power import TTestIndPower

    expected = TTestIndPower().solve_power(
        nobs1=5, ratio=4, alpha=0.01, power=0.9, alternative="larger"
    )
    assert detectable_in_sd(20, 5, 0.01, "student") == pytest.approx(expected, rel=1e-6)


def test_no_loss_is_detectable_where_no_p_value_reaches_alpha():
    assert detectable_in_sd(3, 3, 0.01) == math.inf
    assert detectable_in_sd(3, 3, 0.05) < math.inf
    assert detectable_in_sd(1, 1, 0.6) == math.inf
    assert detectable_in_sd(20, 1, 0.05, "welch") == math.inf


def test_a_level_between_two_attainable_p_values_is_the_lower_one():
    # 3 against 3 seeds: p-values are multiples of 1/20.
    assert detectable_in_sd(3, 3, 0.09) == detectable_in_sd(3, 3, 0.05)
    assert detectable_in_sd(3, 3, 0.10) < detectable_in_sd(3, 3, 0.05)
    assert detectable_in_sd(3, 3, 0.09, "welch") < detectable_in_sd(3, 3, 0.05, "welch")


def test_ranks_detect_a_loss_at_a_level_below_what_drawn_relabellings_reach():
    # 200,000 relabellings are drawn at most; ranks of 50 seeds have 1e10 and are counted.
    assert detectable_in_sd(40, 10, 1e-6) == math.inf
    loss = detectable_in_sd(40, 10, 1e-6, "rank")
    assert detectable_in_sd(40, 10, 1e-6, "student") < loss
    assert loss < detectable_in_sd(40, 10, 1e-6, "welch")


@pytest.mark.parametrize("seeds", [510, 2000])
def test_ranks_of_so_many_seeds_that_the_smallest_p_value_underflows_detect_a_loss(seeds):
    loss = detectable_in_sd(seeds, seeds, 0.01, "rank")
    assert loss == pytest.approx(detectable_in_sd(seeds, seeds, 0.01, "student"), rel=1e-3)


def test_detectable_loss_is_in_metric_units():
    baseline = np.array([1.0, 2, 3, 4, 5, 6, 7, 8])
    sd = np.std(baseline, ddof=1)
    for test in ("robust-t", "rank", "welch", "student"):
        loss = detectable_loss(baseline, baseline[:5], 0.05, test)
        assert loss == pytest.approx(sd * detectable_in_sd(8, 5, 0.05, test))
        assert detectable_loss(10 * baseline, baseline[:5], 0.05, test) == pytest.approx(10 * loss)


def test_a_diverged_baseline_seed_inflates_the_detectable_loss_of_the_classical_tests_only():
    baseline = np.append(np.linspace(0, 1, 15), -100.0)
    candidate = np.linspace(0, 1, 5)
    assert detectable_loss(baseline, candidate, 0.05, "robust-t") < 2
    assert detectable_loss(baseline, candidate, 0.05, "welch") > 30


def test_a_paired_test_detects_by_the_spread_of_its_differences():
    baseline = np.array([1.0, 5, 9, 13])
    candidate = baseline + np.array([0.1, -0.1, 0.1, -0.1])
    error = np.std(candidate - baseline, ddof=1) / 2
    expected = detectable_noncentrality(3.0, 0.05) * error
    assert detectable_loss(baseline, candidate, 0.05, "paired") == pytest.approx(expected)


@pytest.mark.parametrize(("n_baseline", "n_candidate", "alpha"), [(20, 5, 0.01), (10, 10, 0.05)])
def test_the_detectable_loss_is_found_with_90_percent_power(n_baseline, n_candidate, alpha):
    generator = np.random.default_rng(1)
    loss = detectable_in_sd(n_baseline, n_candidate, alpha)
    pairs = [
        winsorised_pair(
            generator.normal(size=n_baseline), generator.normal(-loss, size=n_candidate)
        )
        for _ in range(300)
    ]
    found = [welch_permutation_test([pair])[0].less <= alpha for pair in pairs]
    # 3.5 standard errors of 300 trials, and 0.02 for the approximation.
    assert abs(np.mean(found) - 0.9) < 3.5 * math.sqrt(0.09 / 300) + 0.02
