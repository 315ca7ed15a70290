"""How far the seeds of one side spread, from a base and a candidate of equal size."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from pytest_mlregress.statistics.samples import as_sample, sd, sum_of_squares, winsorise
from pytest_mlregress.statistics.special_functions import stdtrit

_INTERVAL: Final = 0.95


def spread_of_base(base: ArrayLike) -> float | None:
    """The standard deviation of the base's seeds, winsorised: no candidate changes its own margin.

    Args:
        base: shape (n,), in metric units.

    Returns:
        The standard deviation, with n - 1 degrees of freedom; None with fewer than two values or
        with one that is not finite.
    """
    values = as_sample(base, "base")
    if values.size < 2 or not np.isfinite(values).all():
        return None
    return sd(winsorise(values))


def spread_of_sides(base: ArrayLike, candidate: ArrayLike) -> float | None:
    """The standard deviation within a side, each around its own mean, winsorised.

    Args:
        base: shape (n,), in metric units.
        candidate: shape (n,).

    Returns:
        The standard deviation; None with fewer than two finite values on a side.
    """
    before, after = as_sample(base, "base"), as_sample(candidate, "candidate")
    if min(before.size, after.size) < 2 or not np.isfinite(np.r_[before, after]).all():
        return None
    centred = winsorise(np.r_[before - before.mean(), after - after.mean()])
    return math.sqrt(float(centred @ centred) / (before.size + after.size - 2))


def same_side_spread(base: ArrayLike, candidate: ArrayLike) -> float | None:
    """How far two runs of the same side would differ here, by chance alone.

    The half-width of the 95 % interval of the difference of two means of n seeds of one side each,
    from the spread within the two sides: no extra run is needed.

    Args:
        base: shape (n,), in metric units.
        candidate: shape (n,).

    Returns:
        The half-width in metric units; None with fewer than two finite values on a side.
    """
    before, after = as_sample(base, "base"), as_sample(candidate, "candidate")
    if min(before.size, after.size) < 2 or not np.isfinite(np.r_[before, after]).all():
        return None
    df = before.size + after.size - 2
    pooled = math.sqrt((sum_of_squares(before) + sum_of_squares(after)) / df)
    width = math.sqrt(1.0 / before.size + 1.0 / after.size)
    return float(stdtrit(df, 0.5 + 0.5 * _INTERVAL)) * pooled * width
