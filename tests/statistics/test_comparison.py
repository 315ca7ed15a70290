"""compare: the verdict of two samples, its figures, and the rules that hold for any data."""

import dataclasses
import math
import warnings

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sample_strategies import samples

from pytest_mlregress.statistics import compare, rank_test, seed_linked, t_test

RNG = np.random.default_rng(4)
BASELINE = 0.9 + 0.01 * RNG.standard_normal(20)
NOISE = 0.01 * RNG.standard_normal(5)
NOISE -= NOISE.mean() + 0.9 - BASELINE.mean()
TESTS = ("robust-t", "welch", "student", "rank")


def accuracy(shift, **settings):
    settings = {"margin": 0.02, "alpha": 0.05, "beta": 0.1, **settings}
    return compare(BASELINE, 0.9 + NOISE + shift, higher_is_better=True, **settings)


@pytest.mark.parametrize("test", TESTS)
@pytest.mark.parametrize(
    ("shift", "margin", "verdict"),
    [
        (0.0, 0.02, "pass"),
        (0.05, 0.02, "improvement"),
        (-0.05, 0.02, "regression"),
        (-0.02, 0.06, "minor"),
        (0.0, 0.001, "inconclusive"),
    ],
)
def test_the_verdict_table(shift, margin, verdict, test):
    assert accuracy(shift, margin=margin, test=test).verdict == verdict


def test_the_verdict_follows_from_the_p_values():
    for shift in np.linspace(-0.06, 0.06, 25):
        result = accuracy(shift)
        harm, safe = result.p_harm <= result.alpha, result.p_safe <= result.beta
        expected = {
            (True, True): "minor",
            (True, False): "regression",
            (False, False): "inconclusive",
            (False, True): "improvement" if result.p_better <= result.alpha else "pass",
        }
        assert result.verdict == expected[harm, safe]


def test_both_one_sided_tests_are_t_tests():
    candidate = 0.9 + NOISE - 0.01
    for test, kind in (("robust-t", "robust"), ("welch", "welch"), ("student", "student")):
        result = compare(BASELINE, candidate, higher_is_better=True, margin=0.02, test=test)
        less = t_test(BASELINE, candidate, kind=kind, alternative="less")
        granted = t_test(BASELINE, candidate + 0.02, kind=kind, alternative="greater")
        assert result.p_harm == pytest.approx(less.pvalue, rel=1e-12)
        assert result.p_safe == pytest.approx(granted.pvalue, rel=1e-12)
        assert result.statistic == less.statistic
        assert result.test == test


def test_both_one_sided_tests_are_rank_tests():
    candidate = 0.9 + NOISE - 0.01
    result = compare(BASELINE, candidate, higher_is_better=True, margin=0.02, test="rank")
    less = rank_test(BASELINE, candidate, alternative="less")
    assert (result.p_harm, result.statistic) == (less.pvalue, less.statistic)
    assert result.p_safe == rank_test(BASELINE, candidate + 0.02, alternative="greater").pvalue


def test_granting_the_margin_rounds_no_tie_away():
    # 0.1 + 0.2 is not 0.3 in binary, but a candidate that much lower ties with its baseline.
    result = compare([0.3, 0.3, 0.4], [0.1, 0.1], higher_is_better=True, margin=0.2, test="rank")
    exact = rank_test([3, 3, 4], [3, 3], alternative="greater")
    assert result.p_safe == exact.pvalue


def test_figures_are_in_metric_units_and_not_oriented():
    loss = compare([1.0, 2.0, 3.0], [5.0, 6.0, 10.0], higher_is_better=False, margin="50%")
    assert loss.difference == pytest.approx(5.0)
    assert loss.margin == pytest.approx(1.0)
    assert (loss.mean_baseline, loss.mean_candidate) == (2.0, 7.0)
    assert (loss.sd_baseline, loss.sd_candidate) == pytest.approx((1.0, math.sqrt(7)))
    assert loss.welch == t_test([1.0, 2.0, 3.0], [5.0, 6.0, 10.0], kind="welch")
    assert loss.statistic > 0
    assert loss.p_harm == 1 / 20


def test_the_interval_is_that_of_the_difference_of_means():
    from scipy import stats

    candidate = 0.9 + NOISE
    for test, equal_var in (("robust-t", False), ("welch", False), ("student", True)):
        expected = stats.ttest_ind(candidate, BASELINE, equal_var=equal_var).confidence_interval()
        result = compare(BASELINE, candidate, higher_is_better=True, test=test)
        assert result.interval == pytest.approx((expected.low, expected.high), rel=1e-9)
        assert result.interval_level == 0.95
    expected = stats.ttest_rel(candidate, BASELINE[:5]).confidence_interval()
    paired = compare(BASELINE[:5], candidate, higher_is_better=True, test="paired")
    assert paired.interval == pytest.approx((expected.low, expected.high), rel=1e-9)


def test_the_automatic_margin_is_the_detectable_loss():
    result = accuracy(0.0, margin="auto")
    assert result.margin == result.detectable > 0
    assert result.verdict == "pass"


def test_safety_has_its_own_level():
    # A loss near half of the margin: excluded at 0.1 and not at 0.01.
    assert accuracy(-0.008, margin=0.017, alpha=0.01, beta=0.1).verdict == "pass"
    strict = accuracy(-0.008, margin=0.017, alpha=0.01, beta=None)
    assert (strict.verdict, strict.beta) == ("inconclusive", 0.01)


@pytest.mark.parametrize("test", [*TESTS, "paired"])
@pytest.mark.parametrize("margin", ["auto", "1sd", "1%", 0.0, 0.1])
def test_one_constant_on_both_sides_passes(test, margin):
    candidate = [0.1] * 3
    result = compare([0.1] * 3, candidate, higher_is_better=True, margin=margin, test=test)
    assert result.verdict == "pass"
    assert (result.p_harm, result.p_safe, result.p_better) == (1.0, 0.0, 1.0)


@pytest.mark.parametrize("test", TESTS)
def test_a_lower_constant_is_harm_by_permutation(test):
    result = compare([1.0] * 20, [0.9] * 5, higher_is_better=True, test=test)
    assert result.verdict == "regression"
    assert result.p_harm == pytest.approx(1 / 53130)
    assert result.margin == 0.0


def test_a_constant_loss_of_pairs_is_harm_by_its_signs():
    result = compare(
        [1.0, 2, 3, 4, 5, 6],
        [0.5, 1.5, 2.5, 3.5, 4.5, 5.5],
        higher_is_better=True,
        test="paired",
        margin=0.25,
    )
    assert result.verdict == "regression"
    assert (result.p_harm, result.p_better) == (0.5**6, 1.0)


def test_too_few_seeds_say_so():
    result = compare([3, 4, 5], [0, 1, 2], higher_is_better=True, alpha=0.01, beta=0.1)
    assert result.smallest_p == 1 / 20
    assert (result.detectable, result.margin) == (math.inf, math.inf)
    assert result.verdict == "inconclusive"
    assert result.reasons == (
        "the smallest p-value that so few seeds can give is 0.05, above alpha = 0.01: "
        "no loss can be shown, run more seeds or record more",
    )


def test_a_margin_that_no_seeds_can_pay_for_excludes_nothing():
    better = compare([0, 1, 2], [3, 4, 5], higher_is_better=True, alpha=0.01, beta=0.1)
    assert (better.margin, better.p_safe, better.verdict) == (math.inf, 1.0, "inconclusive")


@pytest.mark.parametrize("test", [*TESTS, "paired"])
def test_one_seed_on_a_side_is_never_a_certain_answer(test):
    baseline = [2.0] if test == "paired" else [2.0, 3.0, 4.0]
    for pair in ((baseline, [1.0]), ([1.0], baseline)):
        result = compare(*pair, higher_is_better=True, margin=0.1, test=test)
        assert result.verdict == "inconclusive"
        if test != "student":
            assert result.smallest_p >= 0.25
            assert len(result.reasons) == 1


def test_a_single_outlying_seed_against_many():
    result = compare(np.linspace(0.9, 0.91, 20), [0.1], higher_is_better=True, alpha=0.05)
    assert result.p_harm == pytest.approx(1 / 21)
    assert result.verdict == "regression"


def test_results_hold_plain_values():
    array = np.array([1.0, 2.0, 3.0, 4.5])
    for baseline, candidate in ((array, array - 1), (array, [np.nan, 1, 2]), (array, [1.0])):
        result = compare(
            baseline, candidate, higher_is_better=np.bool_(True), margin=np.float64(0.5)
        )
        for field in dataclasses.fields(result):
            value = getattr(result, field.name)
            values = value if isinstance(value, tuple) else (value,)
            if field.name in ("welch", "safety"):
                values = dataclasses.astuple(value)
            assert {type(item) for item in values} <= {float, int, str, bool, type(None)}, field


def test_matched_seeds_are_judged_by_their_linked_samples(rng):
    luck = rng.normal(size=12)
    baseline = dict(enumerate(luck))
    candidate = {seed: luck[seed] - 0.3 + 0.05 * rng.normal() for seed in range(4)}
    linked = seed_linked(baseline, candidate, 0.98)
    plain = compare(list(baseline.values()), list(candidate.values()), higher_is_better=True)
    result = compare(
        list(baseline.values()), list(candidate.values()), higher_is_better=True, linked=linked
    )
    expected = t_test(linked.baseline, linked.candidate, kind="welch", alternative="less")
    assert plain.p_harm > 0.05
    assert result.p_harm == pytest.approx(expected.pvalue)
    assert result.p_harm < 0.01
    assert result.statistic == pytest.approx(expected.statistic)
    assert result.theta == 0.98
    assert plain.theta is None
    assert result.detectable < plain.detectable / 3
    assert (result.n_baseline, result.n_candidate) == (12, 4)
    assert result.mean_candidate == plain.mean_candidate


def test_a_failed_seed_unlinks():
    linked = seed_linked({0: 1.0, 1: 2.0}, {0: 1.0, 1: 2.0}, 1.0)
    result = compare([1.0, 2.0, math.nan], [1.0, 2.0], higher_is_better=True, linked=linked)
    assert (result.test, result.theta) == ("rank", None)


@settings(max_examples=60)
@given(samples(), samples(), st.sampled_from([*TESTS, "paired"]), st.sampled_from(["auto", 0.5]))
def test_flipping_the_sign_of_a_metric_and_its_direction_changes_nothing(
    baseline, candidate, test, margin
):
    if test == "paired":
        baseline, candidate = baseline[: len(candidate)], candidate[: len(baseline)]
    higher = compare(baseline, candidate, higher_is_better=True, margin=margin, test=test)
    lower = compare(
        [-x for x in baseline],
        [-x for x in candidate],
        higher_is_better=False,
        margin=margin,
        test=test,
    )
    assert lower.verdict == higher.verdict
    for name in ("p_harm", "p_safe", "p_better", "margin"):
        assert getattr(lower, name) == pytest.approx(getattr(higher, name), abs=1e-12)
    assert lower.difference == pytest.approx(-higher.difference, abs=1e-12)
    assert lower.interval == pytest.approx((-higher.interval[1], -higher.interval[0]), abs=1e-12)


@settings(max_examples=60)
@given(samples(2), samples(2), st.sampled_from(TESTS))
def test_harm_and_improvement_are_the_two_tails(baseline, candidate, test):
    result = compare(baseline, candidate, higher_is_better=True, margin=0.5, test=test)
    swapped = compare(candidate, baseline, higher_is_better=True, margin=0.5, test=test)
    assert 0 <= result.p_harm <= 1
    assert 0 <= result.p_safe <= 1
    assert result.p_harm + result.p_better >= 1 - 1e-12
    assert swapped.p_better == pytest.approx(result.p_harm, abs=1e-12)
    assert result.interval[0] <= result.difference <= result.interval[1]


@settings(max_examples=60)
@given(samples(2), samples(2), st.sampled_from([0.0, 0.125, 1.0, 4.0]))
def test_safety_is_the_test_for_an_improvement_after_granting_the_margin(
    baseline, candidate, margin
):
    assume(len({*baseline, *candidate}) > 1)
    result = compare(
        baseline, [x - margin for x in candidate], higher_is_better=True, margin=margin
    )
    assume(result.p_safe > 0)
    granted = compare(baseline, candidate, higher_is_better=True, margin=0)
    assert result.p_safe == granted.p_safe == granted.p_better


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"alpha": 0.0}, "alpha=0.0 is not a probability; allowed is 0 < alpha < 1"),
        ({"beta": math.nan}, "beta=nan is not a probability"),
        ({"test": "t"}, "test must be one of robust-t, .*; got 't'"),
        ({"on_nonfinite": "skip"}, "on_nonfinite must be one of fail, test; got 'skip'"),
    ],
)
def test_bad_settings_are_named(settings, message):
    with pytest.raises(ValueError, match=message):
        compare([1, 2], [1, 2], higher_is_better=True, **settings)


def test_paired_samples_of_different_lengths_are_refused_even_with_failures():
    with pytest.raises(ValueError, match="same seeds on both sides"):
        compare([1, 2, 3], [math.nan, 2], higher_is_better=True, test="paired")


ANY_VALUES = st.lists(
    st.one_of(st.floats(), st.sampled_from([1.7e308, -1e299, 5e-324, -0.0])), min_size=1, max_size=5
)


@settings(max_examples=150)
@given(
    ANY_VALUES,
    ANY_VALUES,
    st.sampled_from([*TESTS, "paired"]),
    st.sampled_from(["auto", "1sd", "1%", 0.1]),
    st.booleans(),
)
def test_any_values_have_a_verdict_without_a_warning(
    baseline, candidate, test, margin, higher_is_better
):
    if test == "paired":
        baseline, candidate = baseline[: len(candidate)], candidate[: len(baseline)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = compare(
            baseline, candidate, higher_is_better=higher_is_better, margin=margin, test=test
        )
    assert min(result.p_harm, result.p_safe, result.p_better) >= 0
    assert max(result.p_harm, result.p_safe, result.p_better) <= 1
    assert result.interval[0] <= result.interval[1]
