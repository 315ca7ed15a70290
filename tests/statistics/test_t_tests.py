"""t_test: equal to scipy and statsmodels where they define it, and defined where they do not."""

import math
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sample_strategies import samples
from scipy import stats
from statsmodels.stats.weightstats import ttest_ind as statsmodels_ttest_ind

from pytest_mlregress.statistics import t_test
from pytest_mlregress.statistics.samples import winsorised_pair

ALTERNATIVES = ("two-sided", "less", "greater")
KINDS = ("robust", "welch", "student", "paired")
RNG = np.random.default_rng(11)
PAIRS = [
    (RNG.normal(0.9, 0.01, 20), RNG.normal(0.88, 0.03, 5)),
    (RNG.lognormal(size=4), RNG.lognormal(size=9)),
    (np.array([1.0, 2.0]), np.array([4.0, 4.5])),
    (1e12 + RNG.normal(size=6), 1e12 + RNG.normal(size=6)),
]


@pytest.mark.parametrize("alternative", ALTERNATIVES)
@pytest.mark.parametrize("pair", PAIRS)
@pytest.mark.parametrize(("kind", "equal_var"), [("welch", False), ("student", True)])
def test_unpaired_tests_equal_scipy(pair, kind, equal_var, alternative):
    baseline, candidate = pair
    expected = stats.ttest_ind(candidate, baseline, equal_var=equal_var, alternative=alternative)
    result = t_test(baseline, candidate, kind=kind, alternative=alternative)
    assert result.statistic == pytest.approx(expected.statistic, rel=1e-9)
    assert result.pvalue == pytest.approx(expected.pvalue, rel=1e-9)
    assert result.df == pytest.approx(expected.df, rel=1e-9)
    assert (result.kind, result.alternative) == (kind, alternative)


@pytest.mark.parametrize(("kind", "usevar"), [("welch", "unequal"), ("student", "pooled")])
def test_unpaired_tests_equal_statsmodels(kind, usevar):
    baseline, candidate = PAIRS[0]
    statistic, pvalue, df = statsmodels_ttest_ind(candidate, baseline, usevar=usevar)
    result = t_test(baseline, candidate, kind=kind)
    assert (result.statistic, result.pvalue, result.df) == pytest.approx(
        (statistic, pvalue, df), rel=1e-9
    )


@pytest.mark.parametrize("alternative", ALTERNATIVES)
def test_paired_test_equals_scipy(alternative, rng):
    baseline = rng.normal(size=7)
    candidate = baseline + rng.normal(0.3, 0.2, 7)
    expected = stats.ttest_rel(candidate, baseline, alternative=alternative)
    result = t_test(baseline, candidate, kind="paired", alternative=alternative)
    assert result.statistic == pytest.approx(expected.statistic, rel=1e-9)
    assert result.pvalue == pytest.approx(expected.pvalue, rel=1e-9)
    assert result.df == 6


def test_welch_by_hand():
    # Means 2 and 5, variances 1 and 4, three seeds each: t = 3 / sqrt(1/3 + 4/3),
    # df = (5/3)^2 / ((1/3)^2 / 2 + (4/3)^2 / 2) = 50 / 17.
    result = t_test([1, 2, 3], [3, 5, 7], kind="welch")
    assert result.statistic == pytest.approx(3 / math.sqrt(5 / 3))
    assert result.df == pytest.approx(50 / 17)


def test_robust_p_value_by_hand():
    # 3 against 2 seeds, all lower: 1 of the 10 relabellings is as extreme.
    assert t_test([3, 4, 5], [1, 2], alternative="less").pvalue == 1 / 10
    assert t_test([3, 4, 5], [1, 2], alternative="greater").pvalue == 1
    assert t_test([3, 4, 5], [1, 2]).pvalue == 2 / 10


def brute_force(baseline, candidate):
    """One-sided p-values over every relabelling, straight from the definition."""
    baseline, candidate = winsorised_pair(np.array(baseline), np.array(candidate))
    pooled = np.concatenate((baseline, candidate))
    observed = range(baseline.size, pooled.size)

    def welch(chosen):
        mask = np.zeros(pooled.size, dtype=bool)
        mask[list(chosen)] = True
        ours, theirs = pooled[mask], pooled[~mask]
        difference = ours.mean() - theirs.mean()
        if min(ours.size, theirs.size) > 1:
            variance = ours.var(ddof=1) / ours.size + theirs.var(ddof=1) / theirs.size
        else:
            squares = ours.var() * ours.size + theirs.var() * theirs.size
            degrees = max(1, pooled.size - 2)
            variance = squares / degrees * (1 / ours.size + 1 / theirs.size)
        if abs(difference) < 1e-12:
            return 0.0
        return (
            difference / math.sqrt(variance) if variance > 1e-13 else math.copysign(1e9, difference)
        )

    statistics = np.array([welch(c) for c in combinations(range(pooled.size), candidate.size)])
    tolerance = 1e-7 * max(1, abs(welch(observed)))
    less = np.mean(statistics <= welch(observed) + tolerance)
    return less, np.mean(statistics >= welch(observed) - tolerance)


@settings(max_examples=80)
@given(samples(), samples())
def test_robust_p_value_equals_brute_force(baseline, candidate):
    less, greater = brute_force(baseline, candidate)
    result = t_test(baseline, candidate, alternative="less")
    assert result.pvalue == pytest.approx(less, abs=1e-12)
    assert t_test(baseline, candidate, alternative="greater").pvalue == pytest.approx(
        greater, abs=1e-12
    )


def test_robust_p_value_equals_scipy_permutation_test(rng):
    baseline, candidate = rng.normal(size=9), rng.normal(-1, 1, size=4)

    def welch(ours, theirs, axis):
        return stats.ttest_ind(ours, theirs, equal_var=False, axis=axis).statistic

    clipped_baseline, clipped = winsorised_pair(baseline, candidate)
    for alternative in ALTERNATIVES:
        expected = stats.permutation_test(
            (clipped, clipped_baseline), welch, n_resamples=np.inf, alternative=alternative
        )
        result = t_test(baseline, candidate, alternative=alternative)
        assert result.pvalue == pytest.approx(expected.pvalue, abs=1e-12)
        assert result.statistic == pytest.approx(expected.statistic, rel=1e-9)


def test_a_diverged_seed_does_not_blind_the_robust_test():
    baseline = [0.90, 0.91, 0.92, 0.905, 0.915, 0.91, 0.90, 0.92, 0.91, 0.10]
    candidate = [0.85, 0.86, 0.855, 0.86]
    assert t_test(baseline, candidate, kind="welch", alternative="less").pvalue > 0.5
    assert t_test(baseline, candidate, alternative="less").pvalue < 0.05


@settings(max_examples=60)
@given(samples(2), samples(2), st.sampled_from(KINDS))
def test_swapping_the_sides_swaps_the_tails(baseline, candidate, kind):
    if kind == "paired":
        baseline, candidate = baseline[: len(candidate)], candidate[: len(baseline)]
    forwards = t_test(baseline, candidate, kind=kind, alternative="less")
    backwards = t_test(candidate, baseline, kind=kind, alternative="greater")
    assert forwards.statistic == pytest.approx(-backwards.statistic)
    assert forwards.pvalue == pytest.approx(backwards.pvalue, abs=1e-12)
    assert t_test(baseline, candidate, kind=kind).pvalue == pytest.approx(
        t_test(candidate, baseline, kind=kind).pvalue, abs=1e-12
    )


@settings(max_examples=60)
@given(
    samples(2),
    samples(2),
    st.integers(-8, 8),
    st.sampled_from([0.25, 0.5, 4.0]),
    st.sampled_from(["robust", "welch", "student"]),
)
def test_shift_and_scale_change_nothing(baseline, candidate, shift, scale, kind):
    moved = t_test(
        [shift + scale * x for x in baseline], [shift + scale * x for x in candidate], kind=kind
    )
    result = t_test(baseline, candidate, kind=kind)
    assert moved.pvalue == pytest.approx(result.pvalue, abs=1e-9)
    assert moved.statistic == pytest.approx(result.statistic, rel=1e-6, abs=1e-9)


@settings(max_examples=60)
@given(samples(2), samples(2), st.sampled_from(["robust", "welch", "student"]))
def test_p_values_are_probabilities_and_the_tails_overlap(baseline, candidate, kind):
    less, greater, both = (
        t_test(baseline, candidate, kind=kind, alternative=alternative).pvalue
        for alternative in ("less", "greater", "two-sided")
    )
    assert 0 <= less <= 1
    assert 0 <= greater <= 1
    assert less + greater >= 1 - 1e-12
    assert both == pytest.approx(min(1, 2 * min(less, greater)))


@pytest.mark.parametrize("kind", KINDS)
def test_two_equal_constants_show_nothing(kind):
    # 0.1 has no exact binary form: the means of 3 and 4 of them differ by rounding.
    candidate = [0.1, 0.1, 0.1] if kind == "paired" else [0.1] * 4
    result = t_test([0.1, 0.1, 0.1], candidate, kind=kind)
    assert (result.statistic, result.pvalue) == (0.0, 1.0)


def test_two_different_constants():
    assert t_test([2, 2, 2], [1, 1], alternative="less").pvalue == 1 / 10
    for kind in ("welch", "student"):
        result = t_test([2, 2, 2], [1, 1], kind=kind, alternative="less")
        assert (result.statistic, result.pvalue) == (-math.inf, 0.0)
        assert t_test([2, 2, 2], [1, 1], kind=kind, alternative="greater").pvalue == 1.0


def test_a_single_seed():
    # Lowest of four: a chance of 1/4.
    assert t_test([2, 3, 4], [1], alternative="less").pvalue == 1 / 4
    assert t_test([2], [1], alternative="less").pvalue == 1 / 2
    student = t_test([2, 3, 4], [1], kind="student")
    assert student.pvalue == pytest.approx(stats.ttest_ind([1], [2, 3, 4]).pvalue, rel=1e-9)
    assert t_test([2, 3, 4], [1]).statistic == pytest.approx(student.statistic)
    for kind in ("welch", "paired"):
        result = t_test([2], [1], kind=kind)
        assert math.isnan(result.statistic)
        assert math.isnan(result.pvalue)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("side", [0, 1])
def test_nan_gives_nan(kind, side):
    pair = [[1.0, 2.0, 3.0], [1.0, 2.0, 4.0]]
    pair[side][1] = math.nan
    result = t_test(*pair, kind=kind)
    assert math.isnan(result.statistic)
    assert math.isnan(result.pvalue)


def test_an_infinity_is_winsorised_by_the_robust_kind_and_nan_for_the_classical_ones():
    baseline, infinite, far = [1.0, 2.0, 3.0, 4.0], [2.0, -math.inf], [2.0, -1e9]
    assert t_test(baseline, infinite).pvalue == t_test(baseline, far).pvalue
    assert math.isnan(t_test(baseline, infinite, kind="welch").pvalue)
    assert t_test([1, 1, 1], [-math.inf, 1], alternative="less").pvalue == 2 / 5


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("exponent", [-1000, 900])
def test_extreme_magnitudes_keep_their_statistic(kind, exponent):
    baseline, candidate = np.array([1.0, 2.0, 4.0]), np.array([0.5, 2.5, 2.0])
    expected = t_test(baseline, candidate, kind=kind)
    result = t_test(np.ldexp(baseline, exponent), np.ldexp(candidate, exponent), kind=kind)
    assert result.statistic == pytest.approx(expected.statistic, rel=1e-9)
    assert result.pvalue == pytest.approx(expected.pvalue, rel=1e-9)


def test_rounding_noise_breaks_no_tie():
    # 0.1 + 0.2 and 0.3 differ in the last bit only.
    assert t_test([0.1 + 0.2, 0.3, 0.3], [0.3, 0.1 + 0.2]).pvalue == 1.0


def test_results_hold_plain_numbers():
    for kind in KINDS:
        result = t_test(np.array([1.0, 2.0, 3.0]), np.array([1, 5, 3]), kind=kind)
        assert [type(x) for x in (result.statistic, result.pvalue, result.df)] == [float] * 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([], [1.0]), "baseline is empty"),
        (([1.0], []), "candidate is empty"),
        (([[1.0]], [1.0]), r"baseline must be a flat sequence .* got shape \(1, 1\)"),
        ((["a"], [1.0]), "baseline must hold real numbers"),
        (([1.0], [1j]), "candidate must hold real numbers"),
    ],
)
def test_bad_samples_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        t_test(*arguments)


def test_bad_choices_are_named():
    with pytest.raises(ValueError, match=r"kind must be one of robust, .*; got 'z'"):
        t_test([1, 2], [1, 2], kind="z")
    with pytest.raises(ValueError, match=r"alternative must be one of .*; got 'lower'"):
        t_test([1, 2], [1, 2], alternative="lower")
    with pytest.raises(ValueError, match=r"same seeds on both sides.*got 2 baseline and 3"):
        t_test([1, 2], [1, 2, 3], kind="paired")
