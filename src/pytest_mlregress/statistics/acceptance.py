"""When a look may accept: only if its data exclude a loss of the margin.

A test for harm that fails to reject is no evidence: with few seeds, ties, or a candidate that
became unstable it fails to reject total collapses. So acceptance requires safety: with the margin
added, the candidate is better than the baseline by the permutation test and by Welch's t-test on
the same values, and the losses of the raw mean and median are smaller than the margin.

The two tests complement each other. If the side with few seeds has the wider spread, the
permutation test is too liberal and Welch's degrees of freedom correct for it; on few, skewed or
tied values Welch's t-distribution is wrong and the permutation test is exact. The raw means and
medians see what winsorising hides from both.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np

from pytest_mlregress.statistics.samples import FloatArray, mean, median, one_constant
from pytest_mlregress.statistics.score_process import initial_density
from pytest_mlregress.statistics.t_tests import robust_difference

#: Probability that a loss of exactly the margin is accepted: the complement of the power.
SAFETY_LEVEL: Final = 0.1

# With one interim look half of it is spent there by t^0.5, with more all of it in proportion to
# the information: the schedules of the designs in `power`, without their rejection boundaries.
_SHARE_OF_TWO_LOOKS: Final = 0.5

# Steps of the search for the loss that the data exclude, each halving its range.
_SEARCH_STEPS: Final = 14


@dataclass(frozen=True, slots=True)
class Safety:
    """What a look knows of the loss, oriented so that a loss is positive.

    Attributes:
        p_test: one-sided p-value for "no loss as large as the margin", of the test that judges.
        p_welch: the same by Welch's test; 0 if failed seeds only enter the test.
        mean_loss: difference of the raw means, in metric units; infinite if a candidate value is
            non-finite, -inf if failed seeds only enter the test.
        median_loss: difference of the raw medians, in metric units; infinite if a candidate value
            is non-finite, unless failed seeds only enter the test.
    """

    p_test: float
    p_welch: float
    mean_loss: float
    median_loss: float

    @property
    def p(self) -> float:
        """The larger of the two p-values: both tests have to exclude the margin."""
        return max(self.p_test, self.p_welch)

    def excludes(self, margin: float, level: float) -> bool:
        """Whether the data exclude a loss of `margin` at `level`.

        Equal constants lose nothing, and are safe at a margin of 0 too.

        Args:
            margin: the margin that the p-values were computed for, in metric units.
            level: the level that both p-values are held to.

        Returns:
            True if both tests, the mean and the median exclude the margin.
        """
        loss = max(self.mean_loss, self.median_loss)
        return self.p <= level and (loss < margin or loss <= 0.0)


def safety_levels(looks: Sequence[int], n_baseline: int) -> tuple[float, ...]:
    """The level of the safety test at each look; it depends on the looks alone.

    What is spent up to an interim look bounds the probability that a loss of exactly the margin was
    accepted by then, in the normal score process of a one-sided test without any other boundary.
    The last look tests at `SAFETY_LEVEL`.

    Args:
        looks: increasing numbers of candidate seeds.
        n_baseline: number of baseline seeds.

    Returns:
        One level per look.
    """
    return _levels(tuple(looks), n_baseline)


@lru_cache(maxsize=256)
def _levels(looks: tuple[int, ...], n_baseline: int) -> tuple[float, ...]:
    information = [1.0 / (1.0 / n + 1.0 / n_baseline) for n in looks]
    times = np.asarray(information) / information[-1]
    two_looks = len(looks) == 2
    spent = SAFETY_LEVEL * (_SHARE_OF_TWO_LOOKS * np.sqrt(times) if two_looks else times)
    levels: list[float] = []
    going_on = initial_density(0.0)
    for due, level in zip(np.diff(spent, prepend=0.0), information[:-1], strict=False):
        high = going_on.z_above(level, float(due))
        levels.append(0.5 * math.erfc(high / math.sqrt(2.0)))
        going_on = going_on.between(level, -math.inf, high)
    return (*levels, SAFETY_LEVEL)


def safety_of(
    baseline: FloatArray,
    candidate: FloatArray,
    p_test: float,
    *,
    candidate_plus_margin: FloatArray | None,
    failures_enter_the_test: bool = False,
) -> Safety:
    """The safety of a candidate, shapes (n_b,) and (n_c,), oriented so that higher is better.

    Args:
        baseline: the baseline, shape (n_b,), in metric units; a non-finite value is left out of its
            mean, median and spread, which makes them better than they were.
        candidate: the candidate as it was recorded, shape (n_c,).
        p_test: the p-value of the test that judges, for the candidate with the margin added.
        candidate_plus_margin: shape (n_c,), for Welch's test on the winsorised values; None if the
            test that judges is a classical one.
        failures_enter_the_test: non-finite values are part of what is compared, so only the ranks
            are evidence.

    Returns:
        Both p-values and both losses.
    """
    if failures_enter_the_test:
        return Safety(p_test, 0.0, -math.inf, _median_loss(baseline, candidate))
    if one_constant(baseline, candidate):
        return Safety(p_test, 0.0, 0.0, 0.0)  # one constant has lost nothing at all
    finite = baseline[np.isfinite(baseline)]
    if finite.size == 0 or not np.isfinite(candidate).all():
        return Safety(p_test, 1.0, math.inf, math.inf)
    return Safety(
        p_test,
        p_test if candidate_plus_margin is None else welch_safety(finite, candidate_plus_margin),
        mean(finite) - mean(candidate),
        median(finite) - median(candidate),
    )


def excluded_loss(excluded: Callable[[float], bool], *, least: float, most: float) -> float:
    """The smallest loss between `least` and `most` that the data exclude, within 1 % of the range.

    Args:
        excluded: whether the data exclude a loss of that size, in metric units.
        least: lower end of the search, in metric units.
        most: upper end of the search, in metric units.

    Returns:
        The loss, in metric units; infinite if not even `most` is excluded.
    """
    if not (math.isfinite(least) and math.isfinite(most)) or not excluded(most):
        return math.inf
    low, high = least, most
    for _ in range(_SEARCH_STEPS):
        middle = 0.5 * (low + high)
        if excluded(middle):
            high = middle
        else:
            low = middle
        if high - low <= 0.01 * (most - least):
            break
    return high


def welch_safety(baseline: FloatArray, candidate_plus_margin: FloatArray) -> float:
    """Welch's one-sided p-value for a better candidate, on values winsorised together.

    Args:
        baseline: shape (n_b,), oriented, finite.
        candidate_plus_margin: shape (n_c,).

    Returns:
        The p-value; 1 where the test is not defined.
    """
    difference = robust_difference(baseline, candidate_plus_margin)
    if math.isnan(difference.statistic):
        return 1.0
    return difference.pvalue("greater")


def _median_loss(baseline: FloatArray, candidate: FloatArray) -> float:
    """Of samples that may hold -inf; 0 where both medians do."""
    before, after = (
        median(np.where(np.isfinite(values), values, -np.inf)) for values in (baseline, candidate)
    )
    return 0.0 if before == after else before - after
