"""Whether one measurement ranks things as another does: Spearman's correlation with an interval.

The interval is that of D. G. Bonett and T. A. Wright, "Sample size requirements for estimating
Pearson, Kendall and Spearman correlations", Psychometrika 65 (2000): Fisher's z with the variance
(1 + r^2 / 2) / (n - 3).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np
from scipy import special, stats

__all__ = ["LEAST_PAIRS", "RankAgreement", "pairs_to_tell", "rank_agreement", "share_of_noise"]

Array: TypeAlias = "np.ndarray[Any, np.dtype[np.float64]]"

LEAST_PAIRS: Final = 4
"""Fewer have no interval: its variance has n - 3 in the denominator."""

_CONFIDENCE: Final = 0.95
_MOST_PAIRS: Final = 1000
_DIGITS: Final = 12
"""A perfect correlation is 1, whatever the last bits of sums are."""


@dataclass(frozen=True, slots=True)
class RankAgreement:
    """How alike two measurements rank.

    Attributes:
        n: the number of things that were ranked.
        rho: Spearman's correlation, with average ranks for ties; NaN where all are tied.
        low: the lower end of its 95 % interval.
        high: the upper end.
    """

    n: int
    rho: float
    low: float
    high: float

    @property
    def tells(self) -> bool:
        """Whether the interval excludes a ranking at random."""
        return self.low > 0.0

    @property
    def reverses(self) -> bool:
        """Whether the interval shows the opposite ranking."""
        return self.high < 0.0


def rank_agreement(first: Sequence[float], second: Sequence[float]) -> RankAgreement:
    """Spearman's correlation of two measurements of the same things.

    A perfect correlation, of which Fisher's z is infinite, has the interval of one half-way to the
    next smaller value that n things can have.

    Args:
        first: one measurement of each thing, of length n >= `LEAST_PAIRS`; finite.
        second: the other one, in the same order.

    Returns:
        The correlation with its interval.

    Raises:
        ValueError: fewer than `LEAST_PAIRS` things, or lengths that differ.
    """
    n = len(first)
    if n != len(second) or n < LEAST_PAIRS:
        raise ValueError(f"{n} and {len(second)} values: expected as many, at least {LEAST_PAIRS}")
    ranks = [stats.rankdata(values) for values in (first, second)]
    if any(np.ptp(rank) == 0 for rank in ranks):
        return RankAgreement(n, math.nan, -1.0, 1.0)
    rho = round(float(np.corrcoef(ranks[0], ranks[1])[0, 1]), _DIGITS)
    most = 1.0 - 6.0 / (n**3 - n)
    inside = min(max(rho, -most), most)
    reach = float(special.ndtri((1 + _CONFIDENCE) / 2)) * math.sqrt((1 + inside**2 / 2) / (n - 3))
    middle = math.atanh(inside)
    return RankAgreement(
        n,
        rho,
        low=min(rho, math.tanh(middle - reach)),
        high=max(rho, math.tanh(middle + reach)),
    )


def pairs_to_tell(rho: float) -> int | None:
    """How many things it takes to exclude a ranking at random, if the correlation is this.

    Args:
        rho: Spearman's correlation.

    Returns:
        The least number; None where no number up to 1,000 does.
    """
    if not 0.0 < rho <= 1.0:
        return None
    quantile = float(special.ndtri((1 + _CONFIDENCE) / 2))
    for n in range(LEAST_PAIRS, _MOST_PAIRS + 1):
        inside = min(rho, 1.0 - 6.0 / (n**3 - n))
        if math.atanh(inside) > quantile * math.sqrt((1 + inside**2 / 2) / (n - 3)):
            return n
    return None


def share_of_noise(means: Sequence[float], standard_errors: Sequence[float]) -> float:
    """The share of the variance between means that their own uncertainty explains.

    Args:
        means: of each thing, of length n >= 2.
        standard_errors: of those means.

    Returns:
        From 0 to 1; 1 where the means do not differ at all.
    """
    between = float(np.var(means, ddof=1))
    if between == 0.0:
        return 1.0
    return min(1.0, float(np.mean(np.square(standard_errors))) / between)
