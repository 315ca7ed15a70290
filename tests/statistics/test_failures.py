"""Failed and non-finite seeds: the rules on their number, and that no path drops a value."""

import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sample_strategies import samples
from scipy import stats

from pytest_mlregress.statistics import compare, failure_test
from pytest_mlregress.statistics.failures import fisher_pvalue

TESTS = ("robust-t", "welch", "student", "paired", "rank")
GREENNESS = {
    "improvement": 3,
    "pass": 3,
    "minor": 2,
    "inconclusive": 1,
    "regression": 0,
    "diverged": 0,
}


def judge(failed_baseline, n_baseline, failed_candidate, n_candidate, **settings):
    return failure_test(
        failed_baseline=failed_baseline,
        n_baseline=n_baseline,
        failed_candidate=failed_candidate,
        n_candidate=n_candidate,
        **settings,
    )


@pytest.mark.parametrize("counts", [(0, 20, 1, 5), (3, 20, 4, 5), (2, 4, 0, 3), (5, 5, 1, 3)])
def test_fisher_equals_scipy(counts):
    failed_baseline, n_baseline, failed_candidate, n_candidate = counts
    table = [
        [failed_candidate, n_candidate - failed_candidate],
        [failed_baseline, n_baseline - failed_baseline],
    ]
    expected = stats.fisher_exact(table, alternative="greater").pvalue
    assert fisher_pvalue(*counts) == pytest.approx(expected, rel=1e-9)


def test_any_failure_where_the_baseline_has_none():
    result = judge(0, 20, 1, 5)
    assert (result.rule, result.diverged) == ("any", True)
    assert result.reason == ("1 of 5 seeds failed or were non-finite, 0 of the baseline's 20 did")
    assert result.pvalue == pytest.approx(0.2)


def test_a_baseline_with_a_failure_tolerates_one():
    result = judge(1, 20, 1, 5)
    assert (result.rule, result.diverged, result.reason) == (None, False, "")


def test_fisher_decides_where_both_sides_fail():
    result = judge(1, 20, 4, 5)
    assert result.rule == "fisher"
    assert result.reason.endswith(f"(Fisher's exact p = {result.pvalue:.3g})")
    assert judge(1, 20, 4, 5, alpha=1e-4).rule is None


def test_all_failed_is_diverged_whatever_the_policy_and_the_baseline():
    assert judge(0, 20, 5, 5, on_nonfinite="test").rule == "all"
    assert judge(20, 20, 5, 5).rule == "all"


def test_the_policy_test_knows_no_other_rule():
    assert judge(0, 20, 4, 5, on_nonfinite="test").rule is None


def test_impossible_counts_are_refused():
    with pytest.raises(ValueError, match="candidate: 6 failed of 5 seeds"):
        judge(0, 20, 6, 5)
    with pytest.raises(ValueError, match="baseline: 0 failed of 0 seeds"):
        judge(0, 0, 1, 5)
    with pytest.raises(ValueError, match="on_nonfinite must be one of fail, test; got 'drop'"):
        judge(0, 20, 1, 5, on_nonfinite="drop")


@pytest.mark.parametrize("test", TESTS)
@pytest.mark.parametrize("policy", ["fail", "test"])
def test_all_seeds_nan_is_diverged(test, policy):
    result = compare(
        [1, 2, 3], [math.nan] * 3, higher_is_better=True, test=test, on_nonfinite=policy
    )
    assert result.verdict == "diverged"
    assert (result.p_harm, result.p_safe, result.p_better) == (0.0, 1.0, 1.0)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("higher_is_better", [True, False])
def test_every_nonfinite_value_is_a_failure(value, higher_is_better):
    result = compare([1, 2, 3, 4], [9, 9, value], higher_is_better=higher_is_better, margin=1)
    assert result.verdict == "diverged"
    assert result.reasons[0].startswith("1 of 3 seeds failed or were non-finite")
    assert (result.failed_baseline, result.failed_candidate) == (0, 1)
    assert math.isnan(result.difference)
    assert result.interval == (-math.inf, math.inf)
    assert math.isnan(result.welch.statistic)


def test_nonfinite_values_sit_at_the_bad_end():
    baseline = [0.0, 0.1, 0.2, 0.3, 0.4, math.nan]
    for worst in (math.nan, math.inf, -math.inf):
        ours = compare(baseline, [worst, 0.0, 0.1], higher_is_better=True, margin=0.5)
        assert ours.verdict != "diverged"
        finite = compare([0.0, 0.1, 0.2, 0.3, 0.4, 0.5], [-9, 0.0, 0.1], higher_is_better=True)
        assert ours.p_harm < 0.5
        assert ours.test == "rank"
        assert finite.test == "robust-t"
        assert ours.reasons[0] == (
            "non-finite values have a rank but no size: judged by the rank test"
        )


def test_the_policy_test_judges_finite_samples_by_order_too():
    baseline, candidate = [0.0, 0.1, 0.2, 0.3], [0.0, 0.1, -5.0]
    ours = compare(baseline, candidate, higher_is_better=True, on_nonfinite="test")
    failed = compare(baseline, [0.0, 0.1, math.nan], higher_is_better=True, on_nonfinite="test")
    assert (ours.test, ours.reasons) == ("rank", ())
    assert ours.p_harm == failed.p_harm


def test_a_failed_baseline_seed_counts_as_bad_for_the_baseline():
    candidate = [0.5, 0.5, 0.5]
    whole = compare([0.4, 0.4, 0.4, 0.4], candidate, higher_is_better=True, margin=0.1)
    failed = compare([0.4, 0.4, 0.4, math.nan], candidate, higher_is_better=True, margin=0.1)
    assert whole.p_better == failed.p_better == pytest.approx(1 / 35)


def test_half_of_the_seeds_nan_is_red_even_where_the_baseline_lost_one():
    baseline = [*np.linspace(0.9, 0.91, 19), math.nan]
    result = compare(baseline, [0.9, math.nan, math.nan, math.nan], higher_is_better=True)
    assert result.verdict == "diverged"


#: Few levels, so that ties are many, as those of an accuracy on a few examples.
coarse = st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0])


@settings(max_examples=300)
@given(
    baseline=st.lists(st.one_of(coarse, st.just(math.nan)), min_size=2, max_size=20),
    candidate=st.lists(coarse, min_size=1, max_size=6),
    worse=st.sampled_from([0.0, 0.125, 0.25, 0.5, 0.625, math.nan, -math.inf]),
    index=st.integers(0, 5),
    margin=st.sampled_from([0.25, 0.3, 1.0]),
    alpha=st.sampled_from([0.01, 0.05, 0.2]),
)
def test_a_worse_value_never_lowers_the_evidence_of_harm_where_order_judges(
    baseline, candidate, worse, index, margin, alpha
):
    index %= len(candidate)
    changed = [*candidate[:index], worse, *candidate[index + 1 :]]
    if worse > candidate[index]:
        candidate, changed = changed, candidate
    before, after = (
        compare(
            baseline,
            values,
            higher_is_better=True,
            margin=margin,
            alpha=alpha,
            beta=0.1,
            on_nonfinite="test",
        )
        for values in (candidate, changed)
    )
    assert after.p_harm <= before.p_harm + 1e-12
    assert after.p_better >= before.p_better - 1e-12
    if len({*baseline, *changed}) > 1:  # two samples of one constant are safe by decree
        assert after.p_safe >= before.p_safe - 1e-12
        assert GREENNESS[after.verdict] <= GREENNESS[before.verdict]
    if before.verdict in ("regression", "diverged"):
        assert after.verdict in ("regression", "diverged")


def test_finite_ties_beside_a_failed_seed_are_shared():
    baseline = [0.9] * 10 + [0.88] * 6 + [0.86] * 3 + [math.nan]
    candidate = [0.88, 0.86, 0.86, 0.84, 0.84]
    result = compare(baseline, candidate, higher_is_better=True, margin=0.02)
    # The five win against the failed seed, 0.88 against 0.86 three times; 6 + 3 + 3 pairs are tied.
    wins, ties = 5 + 3, 6 + 3 + 3
    assert result.statistic == wins + ties / 2
    # Against harm: half of one more than the ties of a seed, which are 6, 3, 3, 0 and 0.
    assert wins + ties / 2 + (7 + 4 + 4) / 5 / 2 == 15.5
    smallest = sum(range(1, 6))
    sums = [sum(ranks) for ranks in combinations(range(1, 26), 5)]
    below = [np.mean([total <= smallest + u for total in sums]) for u in (15, 16)]
    assert result.p_harm == pytest.approx(np.mean(below))


with_failures = st.lists(
    st.one_of(st.sampled_from([0.0, 0.5, 1.0, math.nan, math.inf]), st.floats(-3, 3)),
    min_size=1,
    max_size=5,
)


@settings(max_examples=300)
@given(
    baseline=with_failures,
    candidate=with_failures,
    worst=st.sampled_from([math.nan, math.inf, -math.inf]),
    index=st.integers(0, 4),
    test=st.sampled_from(TESTS),
    policy=st.sampled_from(["fail", "test"]),
    margin=st.sampled_from(["auto", "1sd", "20%", 0.5, 0.0]),
    alpha=st.sampled_from([0.01, 0.1, 0.3]),
    higher_is_better=st.booleans(),
)
def test_replacing_a_finite_value_by_nan_never_lowers_the_evidence_of_harm(
    baseline, candidate, worst, index, test, policy, margin, alpha, higher_is_better
):
    if test == "paired":
        baseline, candidate = baseline[: len(candidate)], candidate[: len(baseline)]
    index %= len(candidate)
    failed = [*candidate[:index], worst, *candidate[index + 1 :]]
    before, after = (
        compare(
            baseline,
            values,
            higher_is_better=higher_is_better,
            margin=margin,
            alpha=alpha,
            beta=0.1,
            test=test,
            on_nonfinite=policy,
        )
        for values in (candidate, failed)
    )
    assert after.p_harm <= before.p_harm
    assert after.p_safe >= before.p_safe
    assert after.p_better >= before.p_better
    assert GREENNESS[after.verdict] <= GREENNESS[before.verdict]


@settings(max_examples=60)
@given(samples(2), samples(2), st.sampled_from(["robust-t", "welch", "student", "rank"]))
def test_finite_samples_never_diverge(baseline, candidate, test):
    result = compare(baseline, candidate, higher_is_better=True, test=test)
    assert result.verdict != "diverged"
    assert result.p_failures == 1.0
