"""Two-sample t-tests: robust (permutation of a winsorised Welch), Welch, Student, paired."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import ArrayLike

from pytest_mlregress.statistics import special_functions as special
from pytest_mlregress.statistics.permutation import welch_permutation_test
from pytest_mlregress.statistics.samples import (
    FloatArray,
    as_sample,
    exponent_of,
    mean,
    sum_of_squares,
    winsorised_pair,
)
from pytest_mlregress.statistics.tails import Alternative, Tails, require_choice

TTestKind: TypeAlias = Literal["robust", "welch", "student", "paired"]

NAN: Final = float("nan")


@dataclass(frozen=True, slots=True)
class TTestResult:
    """The result of `t_test`.

    Attributes:
        statistic: t, signed candidate minus baseline.
        pvalue: its p-value; by permutation for the kind `robust`.
        df: degrees of freedom; only descriptive for the kind `robust`.
        kind: the test.
        alternative: the alternative that was tested.
    """

    statistic: float
    pvalue: float
    df: float
    kind: TTestKind
    alternative: Alternative


@dataclass(frozen=True, slots=True)
class MeanDifference:
    """A difference of means.

    Attributes:
        value: candidate mean minus baseline mean, in metric units.
        standard_error: its standard error, in metric units; NaN if it is not defined.
        df: degrees of freedom of the standard error.
    """

    value: float
    standard_error: float
    df: float

    @property
    def statistic(self) -> float:
        """Student's t; 0 for no difference at all, +-inf for one without any spread."""
        if self.standard_error > 0:
            return self.value / self.standard_error
        if self.standard_error == 0:
            return 0.0 if self.value == 0 else float(np.copysign(np.inf, self.value))
        return NAN

    def pvalue(self, alternative: Alternative) -> float:
        """The p-value of `statistic`; 1 for two equal constants, NaN where t is not defined.

        Args:
            alternative: the alternative.

        Returns:
            The p-value.
        """
        t = self.statistic
        if self.standard_error == 0 and self.value == 0:
            return 1.0
        if np.isinf(t):
            lower = 0.0 if t < 0 else 1.0
        else:
            lower = float(special.stdtr(self.df, t))
        # By symmetry, not as 1 - lower: small upper tails keep their digits.
        upper = 1.0 - lower if np.isinf(t) else float(special.stdtr(self.df, -t))
        return Tails(lower, upper).pvalue(alternative)

    def result(self, kind: TTestKind, alternative: Alternative = "two-sided") -> TTestResult:
        """The test of the difference.

        Args:
            kind: the test.
            alternative: the alternative.

        Returns:
            Its result.
        """
        return TTestResult(self.statistic, self.pvalue(alternative), self.df, kind, alternative)

    def interval(self, level: float) -> tuple[float, float]:
        """The confidence interval of the difference.

        Args:
            level: confidence level.

        Returns:
            Both ends, in metric units; the whole line if the standard error is not defined.
        """
        if self.standard_error == 0:
            return self.value, self.value
        reach = float(special.stdtrit(self.df, (1 + level) / 2)) * self.standard_error
        if not np.isfinite(self.value + reach):
            return -np.inf, np.inf
        return self.value - reach, self.value + reach


def t_test(
    baseline: ArrayLike,
    candidate: ArrayLike,
    *,
    kind: TTestKind = "robust",
    alternative: Alternative = "two-sided",
) -> TTestResult:
    """Compare the means of two samples by a t-test.

    `robust` is Welch's t on values winsorised at the pooled median +- 3 robust standard deviations,
    with the p-value of its permutation distribution. `welch` (Welch 1947, Biometrika 34, 28-35),
    `student` and `paired` are the classical tests.

    Two equal constants give statistic 0 and p-value 1; two different constants give an infinite
    statistic, with p-value 0 or 1 for the classical kinds. A NaN on either side gives NaN; so does
    an infinity for the classical kinds, while `robust` winsorises it. The classical Welch and
    paired tests of a single seed are NaN.

    Args:
        baseline: shape (n_b,).
        candidate: shape (n_c,).
        kind: the test.
        alternative: `"less"` means that the candidate is lower.

    Returns:
        The statistic, signed candidate minus baseline, and its p-value.

    Raises:
        ValueError: an empty or non-numeric sample, an unknown kind or alternative, or for `paired`
            samples of different lengths.
    """
    require_choice("kind", kind, get_args(TTestKind))
    require_choice("alternative", alternative, get_args(Alternative))
    baseline_values = as_sample(baseline, "baseline")
    candidate_values = as_sample(candidate, "candidate")
    if kind == "robust":
        return _robust_t_test(baseline_values, candidate_values, alternative)
    difference = mean_difference(baseline_values, candidate_values, kind)
    return difference.result(kind, alternative)


def mean_difference(
    baseline: FloatArray, candidate: FloatArray, kind: Literal["welch", "student", "paired"]
) -> MeanDifference:
    """The difference of means with the standard error of one of the classical tests.

    Args:
        baseline: shape (n_b,), in metric units.
        candidate: shape (n_c,), in metric units.
        kind: the test.

    Returns:
        The difference; NaN with a non-finite value.

    Raises:
        ValueError: for `paired` samples of different lengths.
    """
    if kind == "paired":
        require_pairs(baseline, candidate)
    if not (np.isfinite(baseline).all() and np.isfinite(candidate).all()):
        return MeanDifference(NAN, NAN, NAN)
    exponent = exponent_of(baseline, candidate)
    of_kind = {
        "welch": _welch_difference,
        "student": _student_difference,
        "paired": _paired_difference,
    }[kind]
    scaled = of_kind(np.ldexp(baseline, -exponent), np.ldexp(candidate, -exponent))
    return MeanDifference(
        float(np.ldexp(scaled.value, exponent)),
        float(np.ldexp(scaled.standard_error, exponent)),
        scaled.df,
    )


def require_pairs(baseline: FloatArray, candidate: FloatArray) -> None:
    """Raise ValueError unless both samples have one value for each of the same seeds.

    Args:
        baseline: shape (n,).
        candidate: shape (n,).

    Raises:
        ValueError: the lengths differ.
    """
    if baseline.size != candidate.size:
        raise ValueError(
            "a paired test needs the same seeds on both sides, in the same order; got "
            f"{baseline.size} baseline and {candidate.size} candidate values"
        )


def robust_difference(baseline: FloatArray, candidate: FloatArray) -> MeanDifference:
    """Welch's difference of the winsorised samples; Student's if a side has a single seed.

    Args:
        baseline: shape (n_b,), in metric units.
        candidate: shape (n_c,), in metric units.

    Returns:
        The difference.
    """
    single_seed = min(baseline.size, candidate.size) == 1
    clipped = winsorised_pair(baseline, candidate)
    return mean_difference(*clipped, "student" if single_seed else "welch")


def _robust_t_test(
    baseline: FloatArray, candidate: FloatArray, alternative: Alternative
) -> TTestResult:
    if np.isnan(baseline).any() or np.isnan(candidate).any():
        return TTestResult(NAN, NAN, NAN, "robust", alternative)
    (pvalues,) = welch_permutation_test([winsorised_pair(baseline, candidate)])
    difference = robust_difference(baseline, candidate)
    return TTestResult(
        difference.statistic, pvalues.pvalue(alternative), difference.df, "robust", alternative
    )


def _welch_difference(baseline: FloatArray, candidate: FloatArray) -> MeanDifference:
    value = mean(candidate) - mean(baseline)
    if min(baseline.size, candidate.size) < 2:
        return MeanDifference(value, NAN, NAN)
    baseline_part = sum_of_squares(baseline) / (baseline.size * (baseline.size - 1))
    candidate_part = sum_of_squares(candidate) / (candidate.size * (candidate.size - 1))
    total = baseline_part + candidate_part
    if total == 0:
        return MeanDifference(value, 0.0, NAN)
    # As shares of the total: the squares of tiny variances would underflow.
    shares = (baseline_part / total) ** 2 / (baseline.size - 1)
    shares += (candidate_part / total) ** 2 / (candidate.size - 1)
    return MeanDifference(value, float(np.sqrt(total)), 1 / shares)


def _student_difference(baseline: FloatArray, candidate: FloatArray) -> MeanDifference:
    value = mean(candidate) - mean(baseline)
    df = baseline.size + candidate.size - 2
    if df < 1:
        return MeanDifference(value, NAN, NAN)
    pooled = (sum_of_squares(baseline) + sum_of_squares(candidate)) / df
    error = np.sqrt(pooled * (1 / baseline.size + 1 / candidate.size))
    return MeanDifference(value, float(error), float(df))


def _paired_difference(baseline: FloatArray, candidate: FloatArray) -> MeanDifference:
    differences = candidate - baseline
    n = differences.size
    value = mean(differences)
    if n < 2:
        return MeanDifference(value, NAN, NAN)
    error = np.sqrt(sum_of_squares(differences) / (n * (n - 1)))
    return MeanDifference(value, float(error), float(n - 1))
