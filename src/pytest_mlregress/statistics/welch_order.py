"""The order of relabellings by Welch's t, and how much of them is beyond the observed one."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from pytest_mlregress.statistics.samples import FloatArray
from pytest_mlregress.statistics.tails import Tails

#: Relative difference below which two statistics are equal, computed in another order.
TIE_TOLERANCE: Final = 1e-9

#: Least squared standard error, of values scaled to at most 1, that is not rounding noise.
VARIANCE_FLOOR: Final = 1e-14


def ordered_as_t(
    values: FloatArray, sums: FloatArray, squares: FloatArray, n_candidate: int
) -> FloatArray:
    """A statistic of each relabelling that orders them as Welch's t does.

    `values` are centred, so with s the candidate's sum and q its sum of squares the baseline's are
    -s and Q - q. With weights w = 1 / (n (n - 1)) the squared standard error is D - b s^2, where D
    = w_c q + w_b (Q - q) and b is constant; t^2 = g s^2 / (D - b s^2) increases with s^2 / D, which
    never subtracts nearly equal numbers. With a single seed on a side Welch's variance does not
    exist and the pooled one is used, for which D is constant.

    Args:
        values: centred, shape (..., n): one data set, or many at once.
        sums: the candidate's sums, shape (..., R).
        squares: its sums of squares, shape (..., R); overwritten.
        n_candidate: number of candidate seeds.

    Returns:
        Shape (..., R).
    """
    scale, offset = variance_weights(values * values, n_candidate)
    squares *= scale
    squares += offset if np.ndim(offset) == 0 else offset[..., None]
    # Of a constant sample both s and D are 0.
    np.maximum(squares, VARIANCE_FLOOR, out=squares)
    ordered = np.abs(sums)
    ordered *= sums
    ordered /= squares
    return ordered


def variance_weights(squares: FloatArray, n_candidate: int) -> tuple[float, Any]:
    """What makes of a candidate's sum of squares its D, see `ordered_as_t`.

    Args:
        squares: those of all values, shape (..., n).
        n_candidate: number of candidate seeds.

    Returns:
        A factor, and what is added then, shape (...).
    """
    k, m = n_candidate, squares.shape[-1] - n_candidate
    if min(k, m) > 1:
        candidate_weight, baseline_weight = 1 / (k * (k - 1)), 1 / (m * (m - 1))
    else:
        candidate_weight = baseline_weight = 1.0
    return candidate_weight - baseline_weight, baseline_weight * squares.sum(axis=-1)


def tail_probabilities(statistics: FloatArray) -> Tails:
    """How much of the distribution is at least as extreme as its first, the observed, entry.

    Ties are counted with a tolerance, so that the p-value depends neither on the order of summation
    nor on the platform.

    Args:
        statistics: the statistic of each relabelling, shape (R,), the observed one first.

    Returns:
        Both one-sided p-values.
    """
    observed = float(statistics[0])
    tolerance = float(tolerance_of(observed))
    return Tails(
        less=int(np.count_nonzero(statistics <= observed + tolerance)) / statistics.size,
        greater=int(np.count_nonzero(statistics >= observed - tolerance)) / statistics.size,
    )


def tolerance_of(statistics: FloatArray | float) -> FloatArray:
    """How far apart two statistics are that are equal up to rounding.

    Args:
        statistics: any shape.

    Returns:
        The same shape.
    """
    return np.asarray(TIE_TOLERANCE * np.maximum(1.0, np.abs(statistics)))
