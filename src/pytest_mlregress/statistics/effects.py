"""How large a difference is: estimates to print beside a verdict, none of which decides it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from pytest_mlregress.statistics.rank import mann_whitney_u, shift_interval_index
from pytest_mlregress.statistics.samples import FloatArray, as_sample, median, sd, worst_end
from pytest_mlregress.statistics.special_functions import gammaln
from pytest_mlregress.statistics.t_tests import mean_difference


@dataclass(frozen=True, slots=True)
class EffectSizes:
    """Effect sizes of a candidate against its baseline.

    Attributes:
        shift: Hodges and Lehmann's, candidate minus baseline, in metric units.
        shift_interval: its exact distribution-free confidence interval, in metric units.
        interval_level: the level of that interval.
        probability_worse: probability that a candidate seed is worse than a baseline seed, ties
            counting half: 0.5 when nothing changed.
        sd_ratio: standard deviation, candidate over baseline.
        hedges_g: difference of means in pooled standard deviations, corrected for small samples.
    """

    shift: float
    shift_interval: tuple[float, float]
    interval_level: float
    probability_worse: float
    sd_ratio: float
    hedges_g: float


def effect_sizes(
    baseline: ArrayLike, candidate: ArrayLike, *, higher_is_better: bool, level: float = 0.95
) -> EffectSizes:
    """All effect sizes of two samples.

    Non-finite values count as worst in `probability_worse`; with them the other estimates are NaN
    and the interval is the whole line.

    Args:
        baseline: shape (n_b,), in metric units.
        candidate: shape (n_c,), in metric units.
        higher_is_better: the metric's direction.
        level: confidence level of the interval of the shift.

    Returns:
        The estimates.

    Raises:
        ValueError: a bad sample or level.
    """
    if not 0 < level < 1:
        raise ValueError(f"level={level!r} is not a probability; allowed is 0 < level < 1")
    baseline_values, candidate_values = (
        as_sample(baseline, "baseline"),
        as_sample(candidate, "candidate"),
    )
    sign = 1.0 if higher_is_better else -1.0
    better = mann_whitney_u(worst_end(sign * baseline_values), worst_end(sign * candidate_values))
    shift, interval = hodges_lehmann(baseline_values, candidate_values, level)
    return EffectSizes(
        shift=shift,
        shift_interval=interval,
        interval_level=level,
        probability_worse=1 - better / (baseline_values.size * candidate_values.size),
        sd_ratio=_sd_ratio(baseline_values, candidate_values),
        hedges_g=_hedges_g(baseline_values, candidate_values),
    )


def hodges_lehmann(
    baseline: FloatArray, candidate: FloatArray, level: float
) -> tuple[float, tuple[float, float]]:
    """The median of all pairwise differences, and the interval that inverts the rank test.

    Hodges & Lehmann 1963, Ann. Math. Stat. 34, 598.

    Args:
        baseline: shape (n_b,), in metric units.
        candidate: shape (n_c,), in metric units.
        level: least coverage of the interval.

    Returns:
        The shift, NaN with a non-finite value, and its interval; the whole line if so few seeds
        cannot bound the shift at that level.
    """
    if not (np.isfinite(baseline).all() and np.isfinite(candidate).all()):
        return math.nan, (-math.inf, math.inf)
    differences = np.sort((candidate[:, None] - baseline[None, :]).ravel())
    shift = median(differences)
    cut = shift_interval_index(baseline.size, candidate.size, (1 - level) / 2)
    if cut is None:
        return shift, (-math.inf, math.inf)
    return shift, (float(differences[cut]), float(differences[-1 - cut]))


def _sd_ratio(baseline: FloatArray, candidate: FloatArray) -> float:
    baseline_sd, candidate_sd = sd(baseline), sd(candidate)
    if baseline_sd == 0:
        return math.inf if candidate_sd > 0 else math.nan
    return candidate_sd / baseline_sd


def _hedges_g(baseline: FloatArray, candidate: FloatArray) -> float:
    """Hedges 1981, J. Educ. Stat. 6, 107, with the exact correction factor."""
    student = mean_difference(baseline, candidate, "student")
    if not student.df > 1:
        return math.nan
    half = student.df / 2
    correction = math.exp(gammaln(half) - gammaln(half - 0.5)) / math.sqrt(half)
    return correction * student.statistic * math.sqrt(1 / baseline.size + 1 / candidate.size)
