"""Single seeds that fell far below all others: which they are, and whether chance explains them.

A t-test on means is blind if some of the seeds collapse: they inflate the spread as much as the
difference. Their number is the evidence (Fisher 1935, J. R. Stat. Soc. 98, 39).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from math import comb
from typing import Final

import numpy as np

from pytest_mlregress.statistics.samples import FloatArray, median, robust_sd

#: Robust standard deviations of the pooled sample below its median at which a seed has collapsed.
COLLAPSED_BEYOND_SD: Final = 8.0

#: The share of the level that Fisher's test may take at the last look.
FISHER_SHARE: Final = 0.2

# Two levels that differ by less are one, computed in another order.
_ROUNDING: Final = 1e-9


@dataclass(frozen=True, slots=True)
class CollapsedSeeds:
    """The seeds of both sides below one limit, oriented so that higher is better.

    Attributes:
        limit: the limit, in metric units; -inf without one.
        positions: positions of the candidate's collapsed seeds, in their order.
        in_baseline: number of the baseline's collapsed seeds.
        fisher_level: probability that all of them are the candidate's, if all seeds are alike: the
            p-value if none is the baseline's; 1 without a collapsed seed.
    """

    limit: float
    positions: tuple[int, ...]
    in_baseline: int
    fisher_level: float

    @property
    def only_candidate(self) -> bool:
        """True where candidate seeds collapsed and none of the baseline's did."""
        return bool(self.positions) and self.in_baseline == 0

    def affordable(self, alpha: float) -> bool:
        """Whether Fisher's test can be part of a test at level `alpha`.

        Args:
            alpha: level of the check.

        Returns:
            True if its level is within its share of `alpha`.
        """
        return self.fisher_level <= FISHER_SHARE * alpha * (1.0 + _ROUNDING)

    def shown(self, alpha: float) -> bool:
        """Whether Fisher's test shows a collapse within its share of `alpha`.

        Args:
            alpha: level of the check.

        Returns:
            True if only candidate seeds collapsed and the test rejects.
        """
        return self.only_candidate and self.affordable(alpha)

    def left_of(self, level: float, alpha: float) -> float:
        """What Fisher's test leaves of a last look's `level` to the t-test.

        The limit is that of the pooled sample, and so is the number of seeds below it. Both are the
        same for every relabelling: given them, Fisher's test rejects with probability
        `fisher_level` if all seeds are alike, and both tests together with at most `level`.

        Args:
            level: level of the look.
            alpha: level of the check, which bounds the share of Fisher's test.

        Returns:
            The level of the t-test.
        """
        return max(level - self.fisher_level, 0.0) if self.affordable(alpha) else level


#: The result for two samples without a collapsed seed.
NONE_COLLAPSED: Final = CollapsedSeeds(-np.inf, (), 0, 1.0)


def collapsed_seeds(baseline: FloatArray, candidate: FloatArray, margin: float) -> CollapsedSeeds:
    """Which seeds of two samples, higher being better, collapsed.

    The limit is the pooled median less 8 robust standard deviations of the pooled sample, or less
    the margin if that is more.

    Args:
        baseline: shape (n_b,), in metric units.
        candidate: shape (n_c,), in metric units.
        margin: the smallest loss that matters, in metric units.

    Returns:
        The collapsed seeds: none if a value or the margin is not finite, or if neither gives a
        limit below the median.
    """
    return _collapsed(baseline.tobytes(), candidate.tobytes(), float(margin))


@lru_cache(maxsize=64)
def _collapsed(of_baseline: bytes, of_candidate: bytes, margin: float) -> CollapsedSeeds:
    """A look asks twice: for its decision, and for its level beside those of other metrics."""
    baseline, candidate = np.frombuffer(of_baseline), np.frombuffer(of_candidate)
    pooled = np.concatenate((baseline, candidate))
    if not (np.isfinite(pooled).all() and np.isfinite(margin)):
        return NONE_COLLAPSED
    reach = max(COLLAPSED_BEYOND_SD * robust_sd(pooled), margin)
    if reach <= 0.0:
        return NONE_COLLAPSED
    limit = median(pooled) - reach
    positions = tuple(int(k) for k in np.flatnonzero(candidate < limit))
    in_baseline = int(np.count_nonzero(baseline < limit))
    found = len(positions) + in_baseline
    level = comb(candidate.size, found) / comb(pooled.size, found) if found else 1.0
    return CollapsedSeeds(limit, positions, in_baseline, level)
