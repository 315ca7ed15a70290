"""Generalised least squares of the levels, for each correlation of a seed's values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pytest_mlregress.statistics.bisection_classes import Classes
from pytest_mlregress.statistics.bisection_values import SearchValues
from pytest_mlregress.statistics.samples import FloatArray

#: The grid of the correlation of one seed's values in two states, with equal weights.
CORRELATIONS: Final = np.array([0.0, 0.45, 0.8, 0.95, 0.99])

#: Keeps a perfect fit from an infinite likelihood, in scaled units.
ROUNDING_VARIANCE: Final = 1e-18


@dataclass(frozen=True, slots=True, eq=False)
class Regression:
    """What the observations say of levels, for each of the r correlations.

    Attributes:
        n: number of observations.
        seen: shape (seeds, k), how often a seed was trained in a state of interest.
        seed_sums: shape (seeds,), the sums of each seed's values.
        precision: shape (r,), of the level of GOOD if no candidate has an effect.
        level: shape (r,), its estimate.
        mean_design: shape (r, g), the generalised mean of the classes' columns.
        gram: shape (r, g, g), their squares and products around it.
        product: shape (r, g), their products with the values.
        squares: shape (r,), those of the values, with what rounding adds.
        log_determinant: shape (r,), of the correlation matrix and the precision.
    """

    n: int
    seen: FloatArray
    seed_sums: FloatArray
    precision: FloatArray
    level: FloatArray
    mean_design: FloatArray
    gram: NDArray[np.float64]
    product: FloatArray
    squares: FloatArray
    log_determinant: FloatArray


def shrinkage(rho: FloatArray | float, times: FloatArray) -> FloatArray:
    """The weight of the sum of a seed's residuals in the estimate of its effect.

    Args:
        rho: the correlation, broadcast against `times`.
        times: how often the seed was trained.

    Returns:
        rho / (1 - rho + times rho).
    """
    return np.asarray(rho / (1.0 - rho + times * rho))


def regress(classes: Classes, data: SearchValues) -> Regression:
    """The sufficient statistics of generalised least squares.

    Args:
        classes: the classes, whose states of interest include all observed ones.
        data: the observations.

    Returns:
        The statistics.
    """
    at = np.searchsorted(classes.states, data.states)
    seen = np.zeros((len(data.labels), classes.states.size))
    sums = np.zeros_like(seen)
    np.add.at(seen, (data.seeds, at), 1.0)
    np.add.at(sums, (data.seeds, at), data.values)
    times, totals = seen.sum(axis=1), sums.sum(axis=1)
    rho = CORRELATIONS[:, None]
    own = 1.0 - CORRELATIONS
    f = shrinkage(rho, times)
    information = np.eye(classes.states.size) * seen.sum(axis=0)
    information = (information - np.einsum("ij,ri,ik->rjk", seen, f, seen)) / own[:, None, None]
    weighted = (sums.sum(axis=0) - (f * totals) @ seen) / own[:, None]
    squares = (float(data.values @ data.values) - (f * totals**2).sum(axis=1)) / own
    precision = information.sum(axis=(1, 2))
    level = weighted.sum(axis=1) / precision
    design = classes.includes
    mean_design = (information.sum(axis=1) @ design) / precision[:, None]
    gram = design.T @ information @ design
    gram -= precision[:, None, None] * mean_design[:, :, None] * mean_design[:, None, :]
    seeds_seen = times > 0.0
    log_v = ((times - 1.0) * seeds_seen).sum() * np.log(own)
    log_v = log_v + (np.log(1.0 - rho + times * rho) * seeds_seen).sum(axis=1)
    blur = data.n * (data.step_variance + ROUNDING_VARIANCE)
    return Regression(
        n=data.n,
        seen=seen,
        seed_sums=totals,
        precision=precision,
        level=level,
        mean_design=mean_design,
        gram=gram,
        product=weighted @ design - mean_design * weighted.sum(axis=1)[:, None],
        squares=np.maximum(squares - precision * level**2, 0.0) + blur,
        log_determinant=log_v + np.log(precision),
    )
