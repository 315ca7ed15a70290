"""The level of two tests of the same pairs, one of differences and one of two samples, together.

Of n pairs let T be the t statistic of the differences, with n - 1 degrees of freedom, and S
Student's of the two samples, with 2 (n - 1). Both have the same numerator. If all 2 n values are
independent and normal with one variance, S^2 = 2 r T^2, where r, the share that the differences
have in the squares of differences and sums, is Beta((n-1)/2, (n-1)/2) and independent of S. So the
probability that either test rejects is one integral over r. Both tests are exact by relabelling,
whatever the distribution; the integral serves only to share the level between them. Correlated
pairs make the two-sample test conservative, and the sum smaller.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

import numpy as np
from scipy.optimize import brentq
from scipy.special import stdtr, stdtrit

#: The share of a level that the test of differences is held to. The two overlap, so that the other
#: one keeps more than the rest: .037 of .05 with 5 pairs, .045 with 13.
PAIR_SHARE: Final = 0.7

_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(48)


def union_level(n_pairs: int, level_pairs: float, level_samples: float) -> float:
    """The probability that at least one test rejects independent normal values.

    Args:
        n_pairs: number of pairs, at least 2.
        level_pairs: level of the test of differences.
        level_samples: level of the two-sample test.

    Returns:
        The joint level.
    """
    df = n_pairs - 1
    of_pairs = -float(stdtrit(df, level_pairs))
    of_samples = -float(stdtrit(2 * df, level_samples))
    # With r = (1 - cos phi) / 2 the density of phi is proportional to sin(phi)^(n-2). The integrand
    # has a kink where the two critical values meet.
    meet = 1.0
    if of_pairs > 0.0:
        meet = 1.0 - min(max(of_samples, 0.0) ** 2 / of_pairs**2, 2.0)
    kink = float(np.arccos(meet)) if of_pairs > 0.0 else np.pi
    total = norm = 0.0
    for low, high in ((0.0, kink), (kink, np.pi)):
        phi = low + 0.5 * (high - low) * (_NODES + 1.0)
        weights = 0.5 * (high - low) * _WEIGHTS * np.sin(phi) ** (n_pairs - 2)
        # Critical values of S at this r: of its own test, and of the test of differences.
        critical = np.minimum(of_samples, of_pairs * np.sqrt(1.0 - np.cos(phi)))
        total += float(weights @ stdtr(2 * df, -critical))
        norm += float(weights.sum())
    return total / norm


@lru_cache(maxsize=1024)
def level_of_samples(n_pairs: int, level: float) -> float:
    """The level of the two-sample test beside one of differences at `PAIR_SHARE` of `level`.

    Args:
        n_pairs: number of pairs, at least 2.
        level: the joint level, between 0 and 1.

    Returns:
        The level.
    """
    least = (1.0 - PAIR_SHARE) * level  # what a union bound would leave

    def excess(alone: float) -> float:
        return union_level(n_pairs, PAIR_SHARE * level, alone) - level

    return float(brentq(excess, 0.5 * least, level, xtol=1e-9 * level, rtol=1e-9))


@lru_cache(maxsize=4096)
def combined_p(n_pairs: int, p_pairs: float, p_samples: float) -> float:
    """The smallest joint level at which one of the two tests rejects.

    Args:
        n_pairs: number of pairs.
        p_pairs: p-value of the test of differences.
        p_samples: p-value of the two-sample test.

    Returns:
        The p-value of both together; it falls if either falls.
    """
    if n_pairs < 2:
        return 1.0
    return min(1.0, p_pairs / PAIR_SHARE, _joint(n_pairs, p_samples))


def _joint(n_pairs: int, p_samples: float) -> float:
    """The joint level at which the two-sample test is held to `p_samples`."""
    if not 0.0 < p_samples < 1.0:
        return p_samples

    def excess(level: float) -> float:
        return union_level(n_pairs, PAIR_SHARE * level, p_samples) - level

    most = min(p_samples / (1.0 - PAIR_SHARE), 1.0)
    if excess(p_samples) <= 0.0:
        return p_samples  # above one half the test of differences adds nothing but rounding
    if excess(most) >= 0.0:
        return most
    return float(brentq(excess, p_samples, most, xtol=1e-9 * p_samples, rtol=1e-9))
