"""The seed-to-seed standard deviation that a plan is made with, and how well it is known."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import chdtri, fdtr

from pytest_mlregress.statistics.samples import FloatArray, as_sample, sd, winsorise

#: Confidence of `Spread.upper`.
UPPER_CONFIDENCE: Final = 0.8

# An earlier sample whose variance differs at this two-sided level spread otherwise, and tells
# nothing about today's.
_OTHER_SPREAD: Final = 0.02


@dataclass(frozen=True, slots=True)
class Spread:
    """A standard deviation in metric units, and the bound it stays below with 80 % confidence.

    `lower_bound` tells that it counts one source of noise only, so that the true one is larger.
    `df` are the degrees of freedom that it was estimated with, infinite where it is known.
    """

    sd: float
    upper: float
    lower_bound: bool
    df: float = math.inf


def spread_of(values: ArrayLike, earlier: Sequence[ArrayLike] = ()) -> Spread:
    """The spread of a baseline, shape (n,) with at least two finite values.

    `earlier` are the samples of earlier revisions, each around a mean of its own: their variances
    are pooled with the baseline's, but for those that differ from it in an F test. Winsorised as
    the robust test does it. The upper bound is sd sqrt(df / q) with q the 0.2 quantile of
    chi-square with df degrees of freedom, exact for normal values: 1.10 at n = 50, 1.18 at n = 20,
    1.56 at n = 5. Raises ValueError for fewer than two finite values.
    """
    sample = as_sample(values, "values")
    finite = sample[np.isfinite(sample)]
    if finite.size < 2:
        raise ValueError(
            f"values has {finite.size} finite of {sample.size}; a spread needs at least 2: "
            "record a baseline, or plan from the size of the test set"
        )
    variance, df = _variance(finite)
    squares, freedom = variance * df, df
    for sample in map(_finite, earlier):
        if sample.size < 2:
            continue
        other, other_df = _variance(sample)
        if _alike(variance, df, other, other_df):
            squares, freedom = squares + other * other_df, freedom + other_df
    # The square root of a mean of squares would lose digits where there is nothing to pool.
    estimate = sd(winsorise(finite)) if freedom == df else math.sqrt(squares / freedom)
    factor = math.sqrt(freedom / float(chdtri(freedom, UPPER_CONFIDENCE)))
    return Spread(estimate, estimate * factor, lower_bound=False, df=float(freedom))


def _finite(values: ArrayLike) -> FloatArray:
    sample = as_sample(values, "earlier")
    return sample[np.isfinite(sample)]


def _variance(finite: FloatArray) -> tuple[float, int]:
    """The winsorised variance and its degrees of freedom."""
    return sd(winsorise(finite)) ** 2, finite.size - 1


def _alike(variance: float, df: int, other: float, other_df: int) -> bool:
    """Whether two variances can be one; not where one of them is 0."""
    if min(variance, other) <= 0.0:
        return False
    below = float(fdtr(other_df, df, other / variance))
    return _OTHER_SPREAD / 2 <= below <= 1.0 - _OTHER_SPREAD / 2


def spread_of_accuracy(accuracy: float, n_test: int) -> Spread:
    """The spread of an accuracy that a test set of `n_test` examples causes, before any run.

    The binomial standard deviation sqrt(p (1 - p) / n): what remains if two trainings differ in
    nothing but luck on each example. With a fixed test set, seeds share its easy and hard examples
    and may spread less; initialisation and order of the data add to it. Take it as a lower bound on
    a first guess, and the recorded baseline as the answer.
    Raises ValueError for an accuracy outside (0, 1) or a size below 1.
    """
    if not 0.0 < accuracy < 1.0:
        raise ValueError(f"accuracy is {accuracy!r}; allowed is a number between 0 and 1")
    if n_test < 1:
        raise ValueError(f"n_test is {n_test!r}; allowed is at least 1 test example")
    estimate = math.sqrt(accuracy * (1.0 - accuracy) / n_test)
    return Spread(estimate, estimate, lower_bound=True)
