"""The margin: the smallest loss that matters, and the smallest one that can be seen."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np

from pytest_mlregress.margins import MarginKind, read_margin
from pytest_mlregress.margins import MarginLike as MarginLike
from pytest_mlregress.statistics import special_functions as special
from pytest_mlregress.statistics.one_sided_tests import ComparisonTest, smallest_p
from pytest_mlregress.statistics.power import (
    DETECTION_POWER,
    effective_df,
    largest_multiple,
    welch_df,
)
from pytest_mlregress.statistics.relabellings import MAX_RELABELLINGS
from pytest_mlregress.statistics.samples import FloatArray, mean, sd, winsorise
from pytest_mlregress.statistics.t_tests import mean_difference


@dataclass(frozen=True, slots=True)
class Margin:
    """A parsed margin.

    Attributes:
        kind: what `amount` is.
        amount: in metric units, a fraction of the baseline's mean, or standard deviations.
    """

    kind: MarginKind
    amount: float = 0.0

    def resolve(
        self, baseline: FloatArray, detectable: float, resolution: float | None = None
    ) -> float:
        """The margin in metric units, from the finite values of a baseline.

        `"1%"` is of the absolute baseline mean, `"1sd"` of the plain standard deviation (ddof 1),
        `"auto"` is `detectable`, but at least the `resolution`: seeds that are all equal detect any
        loss, and one below the smallest step of the metric matters only if declared.

        Args:
            baseline: shape (n,), in metric units.
            detectable: the loss that the seeds detect, in metric units.
            resolution: the smallest step of the metric.

        Returns:
            The margin; NaN if the baseline has too few finite values for it.

        Raises:
            ValueError: a resolution that is not a finite number above 0.
        """
        if resolution is not None and not 0.0 < resolution < math.inf:
            raise ValueError(
                f"resolution is {resolution!r}; allowed is a finite number above 0, or None"
            )
        if self.kind == "absolute":
            return self.amount
        if self.kind == "auto":
            return max(detectable, resolution or 0.0)
        finite = baseline[np.isfinite(baseline)]
        if self.kind == "relative":
            return self.amount * abs(mean(finite)) if finite.size else math.nan
        return self.amount * sd(finite)


def parse_margin(margin: MarginLike) -> Margin:
    """Read a margin as a user writes it.

    Args:
        margin: a number, `"1%"`, `"1sd"` or `"auto"`.

    Returns:
        The parsed margin.

    Raises:
        ValueError: as `read_margin`.
    """
    return Margin(*read_margin(margin))


@lru_cache(maxsize=1024)
def detectable_noncentrality(df: float, alpha: float, power: float = DETECTION_POWER) -> float:
    """The true difference, in standard errors, that a one-sided t-test finds with a given power.

    Args:
        df: degrees of freedom of the noncentral t distribution.
        alpha: level of the test.
        power: the power.

    Returns:
        The noncentrality.
    """
    critical = special.stdtrit(df, 1 - alpha)
    return float(special.nctdtrinc(df, 1 - power, critical))


def detectable_loss(
    baseline: FloatArray,
    candidate: FloatArray,
    alpha: float,
    test: ComparisonTest,
    *,
    linked: bool = False,
    draws: int = MAX_RELABELLINGS,
) -> float:
    """The loss, in metric units, that this many seeds find with 90 % power at level `alpha`.

    The spread is the baseline's (winsorised if the test winsorises), so that no candidate changes
    the scale that it is measured by; paired and `linked` samples have that of their difference.

    Args:
        baseline: shape (n_b,), in metric units.
        candidate: shape (n_c,), in metric units.
        alpha: level of the test.
        test: the test.
        linked: whether the samples are those of `seed_linked`.
        draws: how many relabellings are drawn.

    Returns:
        The loss; infinite if none would be found: too few seeds for any p-value to reach `alpha`,
        or a baseline of fewer than two finite values, whose spread is unknown.
    """
    if smallest_p(baseline.size, candidate.size, test, draws) > alpha:
        return math.inf
    if linked or test == "paired":
        kind: Literal["welch", "paired"] = "paired" if test == "paired" else "welch"
        difference = mean_difference(baseline, candidate, kind)
        if not difference.standard_error > 0:
            return 0.0
        return detectable_noncentrality(difference.df, alpha) * difference.standard_error
    finite = baseline[np.isfinite(baseline)]
    if finite.size < 2:
        return math.inf
    spread = sd(winsorise(finite)) if test in ("robust-t", "rank") else sd(finite)
    return spread * detectable_in_sd(baseline.size, candidate.size, alpha, test, draws=draws)


def detectable_in_sd(
    n_baseline: int,
    n_candidate: int,
    alpha: float,
    test: ComparisonTest = "robust-t",
    power: float = DETECTION_POWER,
    draws: int = MAX_RELABELLINGS,
) -> float:
    """The loss that two independent normal samples show with a given power, in their SDs.

    `student` and `welch` have the degrees of freedom of their names, `robust-t` and `rank` those of
    `effective_df` at the largest p-value that counts. Ranks are counted and never drawn, so that
    their p-values can be smaller than those of drawn relabellings.

    Args:
        n_baseline: number of baseline seeds.
        n_candidate: number of candidate seeds.
        alpha: level of the test.
        test: the test.
        power: the power.
        draws: how many relabellings are drawn.

    Returns:
        The loss; infinite if none would be found.
    """
    student_df = n_baseline + n_candidate - 2
    smallest = smallest_p(n_baseline, n_candidate, test, draws)
    if smallest > alpha or student_df < 1:
        return math.inf
    level = alpha
    if test == "student":
        df = float(student_df)
    elif test == "welch":
        df = welch_df(n_baseline, n_candidate)
    else:
        level = largest_multiple(alpha, smallest)
        df = effective_df(n_baseline, n_candidate, level)
    noncentrality = detectable_noncentrality(df, level, power)
    return noncentrality * math.sqrt(1 / n_baseline + 1 / n_candidate)
