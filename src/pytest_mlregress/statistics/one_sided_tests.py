"""Evidence of harm, of safety and of improvement: the one-sided tests behind a comparison."""

from __future__ import annotations

from dataclasses import dataclass
from math import comb
from typing import Final, Literal, TypeAlias

import numpy as np

from pytest_mlregress.statistics.more_relabellings import with_more_relabellings
from pytest_mlregress.statistics.permutation import welch_permutation_test
from pytest_mlregress.statistics.rank import failed_rank_pvalues, rank_pvalues
from pytest_mlregress.statistics.relabellings import MAX_RELABELLINGS, smallest_attainable_p
from pytest_mlregress.statistics.samples import FloatArray, one_constant, winsorised_pair
from pytest_mlregress.statistics.t_tests import mean_difference
from pytest_mlregress.statistics.tails import Tails

#: The tests that can judge a comparison.
ComparisonTest: TypeAlias = Literal["robust-t", "welch", "student", "paired", "rank"]

#: Two metric values with a smaller relative difference are equal up to rounding.
SAME_VALUE: Final = 1e-12


@dataclass(frozen=True, slots=True)
class Evidence:
    """The one-sided p-values of a comparison.

    Attributes:
        harm: small when the candidate is worse.
        safe: small when a loss of the margin is excluded.
        better: small when the candidate is better.
    """

    harm: float
    safe: float
    better: float


#: The evidence of a failure rule: certain harm.
CERTAIN_HARM: Final = Evidence(harm=0.0, safe=1.0, better=1.0)

#: The evidence of two samples of the same single value.
NO_DIFFERENCE: Final = Evidence(harm=1.0, safe=0.0, better=1.0)


def gather_evidence(
    baseline: FloatArray,
    candidate: FloatArray,
    margin: float,
    test: ComparisonTest,
    draws: int = MAX_RELABELLINGS,
) -> Evidence:
    """Run both one-sided tests, higher being better.

    Safety is the test for a higher candidate after adding the margin to it. Two samples that are
    the same constant show no harm and are safe at any margin.

    Args:
        baseline: shape (n_b,), oriented, in metric units.
        candidate: shape (n_c,), oriented.
        margin: in metric units; an infinite one excludes nothing.
        test: the test that judges.
        draws: how many relabellings harm and improvement may need, see `draws_for`.

    Returns:
        The three p-values.
    """
    if one_constant(baseline, candidate):
        return NO_DIFFERENCE
    candidate_plus_margin = with_margin(baseline, candidate, margin)
    harm, safety = tails_of_test(baseline, [candidate, candidate_plus_margin], test)
    if test == "robust-t" and draws > MAX_RELABELLINGS:
        harm = with_more_relabellings(harm, *winsorised_pair(baseline, candidate), draws)
    return _evidence(harm, safety, margin)


def gather_evidence_by_order(
    baseline: FloatArray, candidate: FloatArray, margin: float
) -> Evidence:
    """The same by ranks alone: for samples with failed seeds, which are -inf.

    Args:
        baseline: shape (n_b,), oriented, in metric units.
        candidate: shape (n_c,), oriented.
        margin: in metric units.

    Returns:
        The three p-values.
    """
    harm = failed_rank_pvalues(baseline, candidate)
    if one_constant(baseline, candidate):
        # p-values of ranks, so that a value next to the constant does not move them the wrong way.
        return Evidence(harm.less, NO_DIFFERENCE.safe, harm.greater)
    safety = failed_rank_pvalues(baseline, with_margin(baseline, candidate, margin))
    return _evidence(harm, safety, margin)


def smallest_p(
    n_baseline: int, n_candidate: int, test: ComparisonTest, draws: int = MAX_RELABELLINGS
) -> float:
    """The smallest one-sided p-value that a test can give.

    Args:
        n_baseline: number of baseline seeds.
        n_candidate: number of candidate seeds.
        test: the test.
        draws: how many relabellings are drawn.

    Returns:
        The p-value; 1 if the test needs a second seed.
    """
    if test == "robust-t":
        return smallest_attainable_p(n_baseline, n_candidate, draws)
    if test == "rank":
        return 1 / comb(n_baseline + n_candidate, n_candidate)
    if test == "student":
        return 1.0 if n_baseline + n_candidate < 3 else 0.0
    return 1.0 if min(n_baseline, n_candidate) < 2 else 0.0


def with_margin(baseline: FloatArray, candidate: FloatArray, margin: float) -> FloatArray:
    """The candidate with the margin added to it.

    A sum that differs from a baseline value by rounding only, as 0.1 + 0.2 does from 0.3, becomes
    that value, so that ranks see the tie.

    Args:
        baseline: shape (n_b,), in metric units.
        candidate: shape (n_c,), in metric units.
        margin: in metric units.

    Returns:
        Shape (n_c,); the candidate itself if the margin is not finite.
    """
    if not np.isfinite(margin):
        return candidate
    candidate_plus_margin = candidate + margin
    with np.errstate(invalid="ignore"):  # of two infinite values
        apart = np.abs(candidate_plus_margin[:, None] - baseline)
    same = apart <= SAME_VALUE * np.abs(baseline)
    same &= np.isfinite(baseline)
    if not same.any():
        return candidate_plus_margin
    return np.where(same.any(axis=1), baseline[same.argmax(axis=1)], candidate_plus_margin)


def _evidence(harm: Tails, safety: Tails, margin: float) -> Evidence:
    return Evidence(harm.less, safety.greater if np.isfinite(margin) else 1.0, harm.greater)


def tails_of_test(
    baseline: FloatArray, candidates: list[FloatArray], test: ComparisonTest
) -> list[Tails]:
    """The tails of one test for several candidates of one size.

    Args:
        baseline: shape (n_b,), finite.
        candidates: each of shape (n_c,), finite.
        test: the test.

    Returns:
        Both one-sided p-values of each.
    """
    if test == "rank":
        return [rank_pvalues(baseline, candidate) for candidate in candidates]
    if test == "robust-t":
        return _robust_tails(baseline, candidates)
    return [_classical_tails(baseline, candidate, test) for candidate in candidates]


def _robust_tails(baseline: FloatArray, candidates: list[FloatArray]) -> list[Tails]:
    return welch_permutation_test([winsorised_pair(baseline, c) for c in candidates])


def _classical_tails(
    baseline: FloatArray,
    candidate: FloatArray,
    test: Literal["welch", "student", "paired"],
) -> Tails:
    """The tails of a t distribution; without any spread, where t is infinite, of an exact test.

    1 if the test is not defined, with a single seed: no evidence of anything.
    """
    difference = mean_difference(baseline, candidate, test)
    if difference.standard_error == 0 and test == "paired":
        return _constant_sign_tails(difference.value, baseline.size)
    if difference.standard_error == 0:
        return _robust_tails(baseline, [candidate])[0]
    if np.isnan(difference.statistic):
        return Tails(1.0, 1.0)
    return Tails(difference.pvalue("less"), difference.pvalue("greater"))


def _constant_sign_tails(difference: float, n_pairs: int) -> Tails:
    """The sign-flip test of pairs that all differ by the same amount."""
    if difference == 0:
        return Tails(1.0, 1.0)
    all_of_one_sign = 0.5**n_pairs
    return Tails(all_of_one_sign, 1.0) if difference < 0 else Tails(1.0, all_of_one_sign)
