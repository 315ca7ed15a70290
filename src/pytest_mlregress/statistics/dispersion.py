"""A test for a change that only widens the spread of the seeds: same mean, less reliable."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from math import comb
from typing import Final, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pytest_mlregress.statistics.permutation import ROUNDING
from pytest_mlregress.statistics.samples import (
    FloatArray,
    as_sample,
    exponent_of,
    median,
    winsorised_pair,
)
from pytest_mlregress.statistics.tails import Alternative, require_choice
from pytest_mlregress.statistics.welch_order import tail_probabilities

#: Up to this many relabellings all of them are taken; otherwise this many are drawn.
MAX_RELABELLINGS: Final = 60_000

DRAW_SEED: Final = 19_740_364

#: Positions in all draws together, which bounds the memory: with many seeds fewer are drawn.
MOST_DRAWN: Final = 4_000_000


@dataclass(frozen=True, slots=True)
class DispersionTestResult:
    """The result of `dispersion_test`.

    Attributes:
        ratio: mean absolute deviations from the median, candidate over baseline.
        pvalue: its p-value.
        alternative: the alternative that was tested.
    """

    ratio: float
    pvalue: float
    alternative: Alternative


def dispersion_test(
    baseline: ArrayLike, candidate: ArrayLike, *, alternative: Alternative = "greater"
) -> DispersionTestResult:
    """Test whether the candidate's seeds spread more (`greater`) around their own median.

    Both samples are shifted to median 0 and winsorised together. The statistic is the ratio of mean
    absolute deviations from the median, as in Brown & Forsythe 1974 (J. Am. Stat. Assoc. 69, 364);
    its distribution is that over all relabellings (60,000 seeded draws and the observed one if
    there are more; with N seeds, at most 4 million / N), each shifted to its own median again.
    Without that second shift the test takes the noise of two small samples' medians for spread, and
    skewed data are red twice as often as they should be.

    Args:
        baseline: shape (n_b,), in metric units.
        candidate: shape (n_c,), in metric units.
        alternative: what is tested of the candidate's spread.

    Returns:
        The ratio and its p-value; NaN if a value is non-finite, which is a failure and no spread,
        or if a side has fewer than three seeds.

    Raises:
        ValueError: a bad sample or alternative.
    """
    require_choice("alternative", alternative, get_args(Alternative))
    baseline_values = as_sample(baseline, "baseline")
    candidate_values = as_sample(candidate, "candidate")
    finite = np.isfinite(baseline_values).all() and np.isfinite(candidate_values).all()
    if not finite or min(baseline_values.size, candidate_values.size) < 3:
        return DispersionTestResult(math.nan, math.nan, alternative)
    residuals = _residuals(baseline_values, candidate_values)
    spreads = _relabelled_spreads(residuals, candidate_values.size)
    candidate_spread, baseline_spread = spreads[:, 0].tolist()
    if max(candidate_spread, baseline_spread) <= ROUNDING:
        return DispersionTestResult(math.nan, 1.0, alternative)
    ratio = candidate_spread / baseline_spread if baseline_spread > ROUNDING else math.inf
    logs = np.log(np.maximum(spreads, ROUNDING))
    pvalue = tail_probabilities(logs[0] - logs[1]).pvalue(alternative)
    return DispersionTestResult(ratio, pvalue, alternative)


def _residuals(baseline: FloatArray, candidate: FloatArray) -> FloatArray:
    """Deviations from each side's median, winsorised together and scaled; the candidate's first."""
    exponent = exponent_of(baseline, candidate)
    baseline, candidate = np.ldexp(baseline, -exponent), np.ldexp(candidate, -exponent)
    clipped = winsorised_pair(baseline - median(baseline), candidate - median(candidate))
    pooled = np.concatenate(clipped[::-1])
    largest = np.abs(pooled).max()
    return pooled / largest if largest > ROUNDING else np.zeros_like(pooled)


def _relabelled_spreads(residuals: FloatArray, n_candidate: int) -> FloatArray:
    """Mean absolute deviations of both sides under each relabelling: shape (2, relabellings).

    The candidate's come first, and the observed labelling is the first one.
    """
    order = np.argsort(residuals, kind="stable")
    labellings = _relabellings(residuals.size, n_candidate)
    observed = np.concatenate(
        (np.flatnonzero(order < n_candidate), np.flatnonzero(order >= n_candidate))
    )
    # An enumeration contains the observed labelling already; to draws it is added.
    if comb(residuals.size, n_candidate) <= MAX_RELABELLINGS:
        again = (labellings == observed).all(axis=1)
        labellings = labellings[~again]
    # Labellings are of sorted positions, so that each side's values come out sorted, and their
    # deviations from their median add up to the upper half less the lower one.
    values = residuals[order][np.concatenate((observed[None], labellings))]
    return np.stack(
        (
            values[:, :n_candidate] @ _half_signs(n_candidate),
            values[:, n_candidate:] @ _half_signs(residuals.size - n_candidate),
        )
    )


def _half_signs(n: int) -> FloatArray:
    """Weights of n sorted values that give their mean absolute deviation from their median."""
    positions = np.arange(n)
    return np.sign(2 * positions - (n - 1)) / n


@lru_cache(maxsize=2)
def _relabellings(n: int, chosen: int) -> NDArray[np.intp]:
    """Rows of the n positions: `chosen` ascending ones, then the others, ascending."""
    if comb(n, chosen) <= MAX_RELABELLINGS:
        subsets = np.array(list(combinations(range(n), chosen)))
    else:
        draws = min(MAX_RELABELLINGS, MOST_DRAWN // n)
        keys = np.random.default_rng([DRAW_SEED, n, chosen]).random((draws, n))
        subsets = np.argpartition(keys, chosen - 1, axis=1)[:, :chosen]
    is_other = np.ones((len(subsets), n), dtype=np.bool_)
    np.put_along_axis(is_other, subsets, False, axis=1)
    return np.argsort(is_other, axis=1, kind="stable")
