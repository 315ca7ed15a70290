"""A sample: the finite and non-finite values of one metric over the seeds of one side."""

from __future__ import annotations

import math
from functools import lru_cache
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray: TypeAlias = NDArray[np.float64]

#: Values beyond count as infinite.
LARGEST = 1e300

#: Winsorising limits of the robust test, in robust standard deviations around the median.
WINSOR_LIMIT = 3.0

#: Makes the median absolute deviation of a normal sample estimate its standard deviation.
MAD_TO_SD = 1.4826

#: Makes the interquartile range of a normal sample estimate its standard deviation.
IQR_TO_SD = 1 / 1.349

#: So many values are sorted faster as a list.
_FEW = 64


def as_sample(values: ArrayLike, name: str) -> FloatArray:
    """The values of one side as a new one-dimensional float array.

    NaN and infinities are values and stay; beyond 1e300, where sums would overflow, a value counts
    as infinite.

    Args:
        values: one number per seed, shape (n,), n >= 1.
        name: the name of the side, for messages.

    Returns:
        Shape (n,).

    Raises:
        ValueError: the values are not one-dimensional, empty or not real numbers.
    """
    array = np.asarray(values)
    if array.ndim != 1:
        raise ValueError(
            f"{name} must be a flat sequence of numbers, one per seed; got shape {array.shape}"
        )
    if array.size == 0:
        raise ValueError(f"{name} is empty: a comparison needs at least one seed on each side")
    if array.dtype.kind not in "biuf":
        raise ValueError(f"{name} must hold real numbers; got {array.dtype} in {array.tolist()!r}")
    values = array.astype(np.float64)
    if np.maximum.reduce(np.abs(values)) <= LARGEST:
        return values
    return np.where(np.abs(values) > LARGEST, np.copysign(np.inf, values), values)


def worst_end(oriented: FloatArray) -> FloatArray:
    """The sample (higher is better) with every non-finite value at the bad end, as -inf.

    That holds for +inf too: an accuracy of +inf is a broken computation, not a record.

    Args:
        oriented: shape (n,), higher being better.

    Returns:
        Shape (n,).
    """
    return np.where(np.isfinite(oriented), oriented, -np.inf)


def one_constant(baseline: FloatArray, candidate: FloatArray) -> bool:
    """True where every value of both samples is the same number.

    Args:
        baseline: shape (n_b,).
        candidate: shape (n_c,).

    Returns:
        Whether both are that constant.
    """
    return bool(_is_constant(baseline) and _is_constant(candidate) and baseline[0] == candidate[0])


def _is_constant(values: FloatArray) -> bool:
    return bool(np.minimum.reduce(values) == np.maximum.reduce(values))


def exponent_of(*samples: FloatArray) -> int:
    """A power of two that scales all values to at most 1: exact, and safe to square after.

    Args:
        *samples: finite arrays of any shape.

    Returns:
        The exponent.
    """
    return max([math.frexp(np.maximum.reduce(np.abs(values), axis=None))[1] for values in samples])


def mean(values: FloatArray) -> float:
    """The mean; exactly the common value of a constant sample; NaN with a non-finite value.

    Args:
        values: shape (n,), n >= 1.

    Returns:
        The mean.
    """
    if not np.isfinite(values).all():
        return math.nan
    if _is_constant(values):
        return float(values[0])
    exponent = exponent_of(values)
    total = float(np.add.reduce(np.ldexp(values, -exponent)))
    return math.ldexp(total / values.size, exponent)


def sum_of_squares(values: FloatArray) -> float:
    """Sum of squared deviations from the mean; exactly 0 for a constant sample.

    Args:
        values: shape (n,), finite.

    Returns:
        The sum.
    """
    if _is_constant(values):
        return 0.0
    deviations = values - np.add.reduce(values) / values.size
    return float(deviations @ deviations)


def sd(values: FloatArray) -> float:
    """The standard deviation (ddof 1); NaN for a single or a non-finite value.

    Args:
        values: shape (n,).

    Returns:
        The standard deviation.
    """
    if values.size < 2 or not np.isfinite(values).all():
        return math.nan
    exponent = exponent_of(values)
    scaled = np.ldexp(values, -exponent)
    return math.ldexp(math.sqrt(sum_of_squares(scaled) / (values.size - 1)), exponent)


def median(values: FloatArray) -> float:
    """The median.

    Args:
        values: shape (n,), n >= 1, finite.

    Returns:
        The median.
    """
    few = values.size <= _FEW
    ordered = sorted(values.tolist()) if few else np.sort(values)
    # Halving first keeps values near the largest double from overflowing.
    return float(ordered[(values.size - 1) // 2] / 2 + ordered[values.size // 2] / 2)


def robust_sd(values: FloatArray) -> float:
    """A standard deviation that a few outliers cannot move: 1.4826 MAD, or IQR / 1.349.

    The interquartile range is used if the median absolute deviation is 0 (more than half of the
    values are equal). Huber 1981, Robust Statistics, ch. 5.

    Args:
        values: shape (n,), finite.

    Returns:
        The estimate; 0.0 if both are 0.
    """
    mad = median(np.abs(values - median(values)))
    if mad > 0:
        return MAD_TO_SD * mad
    lower, upper = np.percentile(values, (25, 75))
    return float(upper - lower) * IQR_TO_SD


def winsorise(pooled: FloatArray) -> FloatArray:
    """The pooled sample, clipped at its median +- 3 robust standard deviations.

    The limits depend on the pooled sample only and not on which side a value came from, so a
    permutation test on the clipped values is as exact as on the raw ones. If the robust standard
    deviation is 0 nothing is clipped. Infinities are set to the limits, which are computed from the
    finite values; without limits they are set one range beyond the finite extreme.

    Args:
        pooled: shape (n,), without NaN.

    Returns:
        Shape (n,), read-only.
    """
    return _winsorised(np.ascontiguousarray(pooled, dtype=np.float64).tobytes())


@lru_cache(maxsize=64)
def _winsorised(data: bytes) -> FloatArray:
    """One look asks for the same values several times: its test, its effect and its safety."""
    pooled = np.frombuffer(data)
    clipped = _clipped(pooled)
    clipped.flags.writeable = False
    return clipped


def _clipped(pooled: FloatArray) -> FloatArray:
    finite = pooled[np.isfinite(pooled)]
    if finite.size == 0:
        return np.sign(pooled)
    exponent = exponent_of(finite)
    lower, upper = _winsor_limits(np.ldexp(finite, -exponent))
    clipped = np.clip(np.ldexp(pooled, -exponent), lower, upper)
    return np.asarray(np.ldexp(clipped, exponent))


def _winsor_limits(finite: FloatArray) -> tuple[float, float]:
    reach = WINSOR_LIMIT * robust_sd(finite)
    if reach > 0:
        return median(finite) - reach, median(finite) + reach
    low, high = float(finite.min()), float(finite.max())
    beyond = high - low or 1.0
    return low - beyond, high + beyond


def winsorised_pair(baseline: FloatArray, candidate: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Both samples, winsorised together.

    Args:
        baseline: shape (n_b,), without NaN.
        candidate: shape (n_c,), without NaN.

    Returns:
        Shapes (n_b,) and (n_c,).
    """
    pooled = winsorise(np.concatenate((baseline, candidate)))
    return pooled[: baseline.size], pooled[baseline.size :]
