"""The level of two tests of the same pairs, one of differences and one of two samples, together.

Of n pairs let T be the t statistic of the differences, with n - 1 degrees of freedom, and S
Student's of the two samples, with 2 (n - 1). Both have the same numerator: S^2 = 2 r T^2, where r
is the share of the differences in the squares of differences and sums, each around its mean. If
all 2 n values are independent and normal with one variance, r is Beta((n-1)/2, (n-1)/2) and
independent of S, so that the probability that either test rejects is one integral over r. Each
test is exact by relabelling, whatever the distribution; the integral only shares the level between
them. Correlated pairs make the two-sample test conservative.

Pairs that are closely linked have a small r. Where r is so small that independent values show it
with probability at most 2 a, the test of differences has the whole level a, otherwise the share of
`pair_share`. Of the constants tried by simulation these lose least power against the better of the
two exact tests alone, over correlations, losses and levels (`benchmarks/live_pairs.py`).
"""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise
from typing import Final

import numpy as np

from pytest_mlregress.statistics.roots import find_root
from pytest_mlregress.statistics.samples import FloatArray, exponent_of, sum_of_squares
from pytest_mlregress.statistics.special_functions import betainc, betaincinv, stdtr, stdtrit

#: From this many pairs on sign flips are fine-grained enough to be worth a larger share.
MANY_PAIRS: Final = 11

#: Closely linked: independent values show it with at most this many times the level.
CLOSE_LINK: Final = 2.0

# From one half on the test of differences has the whole level, and both tests are held to it.
_NEAR_HALF: Final = 0.499

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(32)


def pair_share(n_pairs: int) -> float:
    """The share of the level that the test of differences has if the pairs are not closely linked.

    Args:
        n_pairs: number of pairs.

    Returns:
        The share.
    """
    return 0.7 if n_pairs >= MANY_PAIRS else 0.5


def linkage(base: FloatArray, candidate: FloatArray) -> float:
    """How improbable it is that independent values seem as closely linked as these pairs.

    Args:
        base: shape (n,), n >= 2, finite.
        candidate: shape (n,).

    Returns:
        The probability; near 0 for a correlation near 1, uniform without one.
    """
    exponent = exponent_of(base, candidate)
    before, after = np.ldexp(base, -exponent), np.ldexp(candidate, -exponent)
    differences, sums = sum_of_squares(after - before), sum_of_squares(after + before)
    if differences + sums <= 0.0:
        return 1.0
    half = 0.5 * (base.size - 1)
    return float(betainc(half, half, differences / (differences + sums)))


def combined_p(n_pairs: int, p_pairs: float, p_samples: float, linked: float = 1.0) -> float:
    """The smallest joint level at which one of the two tests rejects.

    Args:
        n_pairs: number of pairs.
        p_pairs: p-value of the test of differences.
        p_samples: p-value of the two-sample test.
        linked: the `linkage` of the pairs.

    Returns:
        The p-value of both together; it never rises if one of the three falls.
    """
    if n_pairs < 2:
        return 1.0
    of_pairs = _level_with_pairs_at(n_pairs, p_pairs, linked)
    return min(1.0, of_pairs, level_with_samples_at(n_pairs, p_samples))


def pairs_decide(n_pairs: int, p_pairs: float, p_samples: float, linked: float = 1.0) -> bool:
    """Whether the joint p-value is that of the differences, and not of the two samples.

    Args:
        n_pairs: number of pairs.
        p_pairs: p-value of the test of differences.
        p_samples: p-value of the two-sample test.
        linked: the `linkage` of the pairs.

    Returns:
        Whether it is.
    """
    if n_pairs < 2:
        return False
    of_pairs = _level_with_pairs_at(n_pairs, p_pairs, linked)
    return of_pairs < min(1.0, level_with_samples_at(n_pairs, p_samples))


def _level_with_pairs_at(n_pairs: int, p_pairs: float, linked: float) -> float:
    """The joint level at which the test of differences rejects."""
    return min(p_pairs / pair_share(n_pairs), max(p_pairs, linked / CLOSE_LINK))


@lru_cache(maxsize=1024)
def level_of_samples(n_pairs: int, level: float) -> float:
    """The level of the two-sample test if both are held to `level` together.

    Args:
        n_pairs: number of pairs, at least 2.
        level: the joint level, between 0 and 1; from one half on both tests have it.

    Returns:
        The level.
    """
    if level >= _NEAR_HALF:
        return level

    def excess(alone: float) -> float:
        return _either_rejects(n_pairs, level, alone) - level

    return float(find_root(excess, 1e-9 * level, level, absolute=1e-9 * level, relative=1e-9))


@lru_cache(maxsize=4096)
def level_with_samples_at(n_pairs: int, alone: float) -> float:
    """The inverse: the joint level at which the two-sample test is held to `alone`.

    Args:
        n_pairs: number of pairs, at least 2.
        alone: level of the two-sample test.

    Returns:
        The joint level, at least `alone`.
    """
    if not 0.0 < alone < _NEAR_HALF:
        return alone

    def excess(level: float) -> float:
        return _either_rejects(n_pairs, level, alone) - level

    if excess(alone) <= 0.0:
        return alone  # rounding
    if excess(_NEAR_HALF) >= 0.0:
        return _NEAR_HALF
    return float(find_root(excess, alone, _NEAR_HALF, absolute=1e-9 * alone, relative=1e-9))


def _either_rejects(n_pairs: int, level: float, of_samples: float) -> float:
    """The probability that a test rejects independent normal values.

    The test of differences has its share of `level`, the other one has `of_samples`.
    """
    df = n_pairs - 1
    critical = -float(stdtrit(2 * df, of_samples))
    close = float(betaincinv(0.5 * df, 0.5 * df, min(CLOSE_LINK * level, 1.0)))
    # With r = (1 - cos phi) / 2 the density of phi is proportional to sin(phi)^(n-2).
    total = norm = 0.0
    for low, high, share in ((0.0, close, 1.0), (close, 1.0, pair_share(n_pairs))):
        of_pairs = -float(stdtrit(df, share * level))
        kink = high  # where both critical values of S meet
        if of_pairs > 0.0 and critical > 0.0:
            kink = 0.5 * (critical / of_pairs) ** 2
        ends = (low, min(max(kink, low), high), high)
        for start, stop in pairwise(np.arccos(1.0 - 2.0 * np.array(ends))):
            phi = start + 0.5 * (stop - start) * (_NODES + 1.0)
            weights = 0.5 * (stop - start) * _WEIGHTS * np.sin(phi) ** (n_pairs - 2)
            at_phi = np.minimum(critical, of_pairs * np.sqrt(1.0 - np.cos(phi)))
            total += float(weights @ stdtr(2 * df, -at_phi))
            norm += float(weights.sum())
    return total / norm
