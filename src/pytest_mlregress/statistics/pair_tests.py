"""The tests of n pairs, n values of each side: sign flips, two samples, and both at one level.

Exact tests of few pairs have a smallest p-value: 2^-n by sign flips, 1 / C(2n, n) by relabelling
the two samples. Where a sample reaches it, no pair of it could show more, and a t-test tells how
far apart the sides are. That part of a p-value rests on normal values.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import numpy as np

from pytest_mlregress.statistics.pair_levels import combined_p, linkage, pairs_decide
from pytest_mlregress.statistics.permutation import welch_permutation_test
from pytest_mlregress.statistics.relabellings import smallest_attainable_p
from pytest_mlregress.statistics.samples import (
    FloatArray,
    exponent_of,
    one_constant,
    sum_of_squares,
    winsorised_pair,
)
from pytest_mlregress.statistics.sign_flip import sign_flip_test, smallest_flip_p
from pytest_mlregress.statistics.special_functions import stdtr
from pytest_mlregress.statistics.tails import Tails

#: What may show harm: both tests at one level, or one of them.
PairTest: TypeAlias = Literal["both", "pairs", "samples"]

# Two p-values that differ by less are one, computed in another order.
_ROUNDING: Final = 1e-9

# Two values that differ by less, relative to the largest, are one step of no metric.
_NO_STEP: Final = 1e-12


@dataclass(frozen=True, slots=True)
class PairPValues:
    """One-sided p-values of n pairs, small if the candidate is worse.

    Attributes:
        pairs: by sign flips of the differences.
        samples: by relabelling the two samples.
        exact: of both at one level, or of the only one that is used.
        combined: the same with t-tests where relabelling reaches its smallest p-values.
        by_pairs: whether that is the p-value of the differences, and not of the two samples.
        exact_by_pairs: the same of `exact`.
    """

    pairs: float
    samples: float
    exact: float
    combined: float
    by_pairs: bool = False
    exact_by_pairs: bool = False

    def at(self, level: float) -> float:
        """The p-value to report: the exact one if it is enough for the level.

        Args:
            level: the level.

        Returns:
            The p-value.
        """
        return self.exact if self.exact <= level else self.combined

    def by_pairs_at(self, level: float) -> bool:
        """Whether the p-value that `at` returns is that of the differences.

        Args:
            level: the level.

        Returns:
            Whether it is.
        """
        return self.exact_by_pairs if self.exact <= level else self.by_pairs


#: Two equal constants, or a single pair: no evidence.
NO_EVIDENCE: Final = PairPValues(1.0, 1.0, 1.0, 1.0)


def pair_pvalues(
    base: FloatArray,
    candidate: FloatArray,
    *,
    test: PairTest = "both",
    resolution: float | None = None,
    beyond_resolution: bool = False,
) -> PairPValues:
    """The evidence that the candidate is lower than the base.

    Args:
        base: shape (n,), oriented so that higher is better, finite, in metric units.
        candidate: shape (n,), the same seeds in the same order.
        test: what is used.
        resolution: the smallest step of the metric; None: the smallest one seen.
        beyond_resolution: whether t-tests take over below the smallest exact p-value.

    Returns:
        The p-values.

    Raises:
        ValueError: the sides have different numbers of values.
    """
    if base.size != candidate.size:
        raise ValueError(f"pairs need two values each; got {base.size} and {candidate.size} values")
    n = base.size
    if n < 2 or one_constant(base, candidate):
        return NO_EVIDENCE
    pairs, samples = (tails.less for tails in _exact(base, candidate))
    linked = linkage(base, candidate)
    exact = _combined(n, pairs, samples, linked, test)
    exact_by_pairs = _by_pairs(n, pairs, samples, linked, test)
    if not beyond_resolution:
        return PairPValues(pairs, samples, exact, exact, exact_by_pairs, exact_by_pairs)
    t_pairs, t_samples = _t_pvalues(base, candidate, resolution)
    refined = (
        _refined(pairs, smallest_flip_p(n), t_pairs),
        _refined(samples, smallest_attainable_p(n, n), t_samples),
    )
    combined = _combined(n, *refined, linked, test)
    by_pairs = _by_pairs(n, *refined, linked, test)
    return PairPValues(pairs, samples, exact, combined, by_pairs, exact_by_pairs)


def t_pvalue(base: FloatArray, candidate: FloatArray, *, test: PairTest = "both") -> float:
    """The same by t-tests alone, on values winsorised together: the second opinion of safety.

    Args:
        base: shape (n,), oriented, finite, in metric units.
        candidate: shape (n,).
        test: what is used.

    Returns:
        The p-value of the candidate being lower.
    """
    if base.size < 2 or one_constant(base, candidate):
        return 1.0
    pairs, samples = _t_pvalues(*winsorised_pair(base, candidate), None, welch=True)
    return _combined(base.size, pairs, samples, linkage(base, candidate), test)


def smallest_pair_p(n_pairs: int, test: PairTest = "both") -> float:
    """The smallest p-value that relabelling n pairs can give.

    Args:
        n_pairs: number of pairs.
        test: what is used.

    Returns:
        The p-value.
    """
    if n_pairs < 2:
        return 1.0
    samples = smallest_attainable_p(n_pairs, n_pairs)
    return _combined(n_pairs, smallest_flip_p(n_pairs), samples, 0.0, test)


def _combined(n: int, pairs: float, samples: float, linked: float, test: PairTest) -> float:
    if test == "both":
        return combined_p(n, pairs, samples, linked)
    return pairs if test == "pairs" else samples


def _by_pairs(n: int, pairs: float, samples: float, linked: float, test: PairTest) -> bool:
    if test == "both":
        return pairs_decide(n, pairs, samples, linked)
    return test == "pairs"


def _exact(base: FloatArray, candidate: FloatArray) -> tuple[Tails, Tails]:
    exponent = exponent_of(base, candidate)
    differences = np.ldexp(candidate, -exponent) - np.ldexp(base, -exponent)
    (samples,) = welch_permutation_test([winsorised_pair(base, candidate)])
    return sign_flip_test(differences), samples


def _refined(exact: float, smallest: float, by_t: float) -> float:
    if exact > smallest * (1.0 + _ROUNDING):
        return exact
    return min(exact, by_t)


def _t_pvalues(
    base: FloatArray, candidate: FloatArray, resolution: float | None, *, welch: bool = False
) -> tuple[float, float]:
    """p-values of the paired and of the two-sample t, each value blurred by half a step.

    A coarse metric takes few values, and a sample of equal ones has no spread by chance. The
    two-sample t has the degrees of freedom of one side, which no ratio of variances undercuts, or
    Welch's.
    """
    n = base.size
    exponent = exponent_of(base, candidate)
    base, candidate = np.ldexp(base, -exponent), np.ldexp(candidate, -exponent)
    step = smallest_step(base, candidate)
    if resolution is not None:
        step = max(float(np.ldexp(resolution, -exponent)), 0.0)
    blur = 0.0 if welch else step * step / (12.0 * n)
    difference = float((candidate - base).mean())
    squares = [sum_of_squares(side) / (n * (n - 1)) for side in (base, candidate)]
    of_differences = sum_of_squares(candidate - base) / (n * (n - 1))
    df = float(n - 1)
    if welch and (total := sum(squares)) > 0.0:
        df /= sum((part / total) ** 2 for part in squares)
    return (
        _lower_tail(difference, of_differences + 2.0 * blur, float(n - 1)),
        _lower_tail(difference, sum(squares) + 2.0 * blur, df),
    )


def _lower_tail(difference: float, variance: float, df: float) -> float:
    if variance > 0.0:
        return float(stdtr(df, difference / variance**0.5))
    return 1.0 if difference >= 0.0 else 0.0


def smallest_step(base: FloatArray, candidate: FloatArray) -> float:
    """The smallest difference of two values that is more than rounding.

    Args:
        base: shape (n,).
        candidate: shape (n,).

    Returns:
        The difference; 0 without one.
    """
    ordered = np.sort(np.concatenate((base, candidate)))
    gaps = np.diff(ordered)
    gaps = gaps[gaps > _NO_STEP * max(float(np.abs(ordered).max()), 1e-300)]
    return float(gaps.min()) if gaps.size else 0.0
