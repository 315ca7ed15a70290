"""The Wilcoxon-Mann-Whitney rank-sum test, exact for ties, and its form for failed seeds."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pytest_mlregress.statistics.large_samples import LEAST_SIDE, sum_limit
from pytest_mlregress.statistics.samples import FloatArray, as_sample
from pytest_mlregress.statistics.tails import Alternative, Tails, require_choice

#: Rank sums are counted exactly up to this product of the smaller side's seeds and all seeds.
MOST_COUNTED: Final = 10_000


@dataclass(frozen=True, slots=True)
class RankTestResult:
    """The result of `rank_test`.

    Attributes:
        statistic: Mann-Whitney's U: pairs in which the candidate is higher, ties counting half.
        pvalue: its p-value.
        alternative: the alternative that was tested.
    """

    statistic: float
    pvalue: float
    alternative: Alternative


def rank_test(
    baseline: ArrayLike, candidate: ArrayLike, *, alternative: Alternative = "two-sided"
) -> RankTestResult:
    """Compare two samples by their ranks.

    Tied values share their mean rank, and the p-value is that of the permutation distribution of
    these midranks, exact for any ties (Lehmann 1975, Nonparametrics, ch. 1); with 50 seeds and more
    on each side it is the limit of that distribution (`sum_limit`). Infinities are ranked.

    Args:
        baseline: shape (n_b,).
        candidate: shape (n_c,).
        alternative: `"less"` means that the candidate is lower; the two-sided p-value is twice the
            smaller one-sided one, at most 1.

    Returns:
        U and its p-value; NaN with a NaN on either side.

    Raises:
        ValueError: an empty or non-numeric sample or an unknown alternative.
    """
    require_choice("alternative", alternative, get_args(Alternative))
    baseline_values = as_sample(baseline, "baseline")
    candidate_values = as_sample(candidate, "candidate")
    if np.isnan(baseline_values).any() or np.isnan(candidate_values).any():
        return RankTestResult(float("nan"), float("nan"), alternative)
    statistic = mann_whitney_u(baseline_values, candidate_values)
    pvalues = rank_pvalues(baseline_values, candidate_values)
    return RankTestResult(statistic, pvalues.pvalue(alternative), alternative)


def mann_whitney_u(baseline: FloatArray, candidate: FloatArray) -> float:
    """The number of pairs in which the candidate is higher, ties counting one half.

    Args:
        baseline: shape (n_b,).
        candidate: shape (n_c,).

    Returns:
        U, between 0 and n_b n_c.
    """
    wins = np.count_nonzero(candidate[:, None] > baseline[None, :])
    ties = np.count_nonzero(candidate[:, None] == baseline[None, :])
    return int(wins) + int(ties) / 2


def rank_pvalues(baseline: FloatArray, candidate: FloatArray) -> Tails:
    """One-sided p-values of the midrank sum.

    Args:
        baseline: shape (n_b,), without NaN; infinities are ranked.
        candidate: shape (n_c,), likewise.

    Returns:
        Both one-sided p-values.
    """
    ranks = _doubled_midranks(baseline, candidate)
    candidate_is_smaller = candidate.size <= baseline.size
    # The sum of one side determines the other's: the smaller side has the shorter recursion.
    side = ranks[: candidate.size] if candidate_is_smaller else ranks[candidate.size :]
    tails = _rank_sum_tails(ranks, side.size, int(side.sum()))
    return tails if candidate_is_smaller else Tails(less=tails.greater, greater=tails.less)


def failed_rank_pvalues(baseline: FloatArray, candidate: FloatArray) -> Tails:
    """One-sided rank p-values of samples in which failed seeds are -inf; no failure is rewarded.

    Finite ties count one half in U. The order of two failed seeds is unknown: their tie counts
    against the alternative that is tested.

    The distribution is the one without ties, which depends on the sizes only. So making any
    candidate value worse, or failed, can lower `less` and raise `greater` only, never the reverse:
    neither the exact distribution of midranks, whose steps change with every tie that is split, nor
    a t statistic has this property. For the coarser steps of tied values U is shifted against the
    alternative, as by a continuity correction, by half of one and the number of values that a value
    of the smaller side is tied with on the other, on average (`_half_step`).

    Args:
        baseline: shape (n_b,), oriented so that higher is better, failed seeds -inf.
        candidate: shape (n_c,), likewise.

    Returns:
        Both one-sided p-values.
    """
    wins = int(np.count_nonzero(candidate[:, None] > baseline[None, :]))
    losses = int(np.count_nonzero(candidate[:, None] < baseline[None, :]))
    fewer, more = sorted((baseline, candidate), key=len)
    tied = _finite_ties(fewer, more)
    ties, correction = int(tied.sum()), _half_step(tied)
    highest = baseline.size * candidate.size - losses
    # Ties can at most be all won, or all lost.
    for_harm = min(highest - ties / 2 + correction, highest)
    for_gain = max(wins + ties / 2 - correction, wins)
    return Tails(
        less=_untied_below(baseline.size, candidate.size, for_harm),
        # Without ties U is symmetric.
        greater=_untied_below(
            baseline.size, candidate.size, baseline.size * candidate.size - for_gain
        ),
    )


def _finite_ties(values: FloatArray, others: FloatArray) -> NDArray[np.int64]:
    """How many of the others each of the values is tied with, shape of `values`; 0 if it failed."""
    same = (values[:, None] == others[None, :]) & np.isfinite(values)[:, None]
    return np.asarray(same.sum(axis=1), dtype=np.int64)


def _half_step(tied: NDArray[np.int64]) -> float:
    """Half of what U changes by when one value leaves its tie, on average."""
    return float(np.where(tied > 0, tied + 1, 0).mean()) / 2


def _untied_below(n_baseline: int, n_candidate: int, u: float) -> float:
    """P(U <= u) without ties, linear in u between two integers."""
    size = min(n_baseline, n_candidate)
    ranks, smallest = _untied(n_baseline + n_candidate), size * (size + 1)
    below = int(u)
    share = u - below
    p = _rank_sum_tails(ranks, size, smallest + 2 * below).less
    if share > 0.0:
        p += share * (_rank_sum_tails(ranks, size, smallest + 2 * (below + 1)).less - p)
    return p


def shift_interval_index(n_baseline: int, n_candidate: int, tail: float) -> int | None:
    """Which of the sorted pairwise differences, from either end, bounds a shift at `tail`.

    Args:
        n_baseline: number of baseline seeds.
        n_candidate: number of candidate seeds.
        tail: probability beyond either end of the interval.

    Returns:
        The largest k with P(U <= k) <= `tail` for untied samples; None if there is none.
    """
    size = min(n_baseline, n_candidate)
    ranks, smallest = _untied(n_baseline + n_candidate), size * (size + 1)
    beyond = bisect_right(
        range(n_baseline * n_candidate + 1),
        tail,
        key=lambda u: _rank_sum_tails(ranks, size, smallest + 2 * u).less,
    )
    return beyond - 1 if beyond else None


def _untied(n: int) -> NDArray[np.int64]:
    """Twice the ranks of n values that all differ."""
    return np.arange(2, 2 * n + 1, 2)


def _doubled_midranks(baseline: FloatArray, candidate: FloatArray) -> NDArray[np.int64]:
    """Twice the midranks, so that they are integers; the candidate's first."""
    pooled = np.concatenate((candidate, baseline))
    _, group, sizes = np.unique(pooled, return_inverse=True, return_counts=True)
    return np.asarray((2 * np.cumsum(sizes) - sizes + 1)[group], dtype=np.int64)


def _rank_sum_tails(doubled_ranks: NDArray[np.int64], size: int, observed: int) -> Tails:
    """P(sum <= observed) and P(sum >= observed) of the sum of `size` of the ranks."""
    if size >= LEAST_SIDE or size * doubled_ranks.size > MOST_COUNTED:
        step = np.gcd.reduce(np.diff(np.sort(doubled_ranks)))
        return sum_limit(doubled_ranks.astype(np.float64), size, float(observed), float(step))
    cumulative = _rank_sum_distribution(tuple(sorted(doubled_ranks.tolist())), size)
    return Tails(less=float(cumulative[0, observed]), greater=float(cumulative[1, observed]))


@lru_cache(maxsize=64)
def _rank_sum_distribution(doubled_ranks: tuple[int, ...], size: int) -> FloatArray:
    """Lower and upper tail probabilities of the sum of `size` of the ranks: shape (2, sums).

    By counting the subsets of each size with each sum, one rank at a time.
    """
    largest = sum(sorted(doubled_ranks)[-size:])
    counts = np.zeros((size + 1, largest + 1))
    counts[0, 0] = 1.0
    for added, rank in enumerate(doubled_ranks):
        members = min(added + 1, size)
        counts[1 : members + 1, rank:] += counts[:members, : largest + 1 - rank].copy()
    by_sum = counts[size]
    lower = np.cumsum(by_sum)
    upper = np.cumsum(by_sum[::-1])[::-1]
    return np.asarray(np.stack((lower, upper)) / lower[-1])
