"""The seed-to-seed standard deviation that a plan is made with, and how well it is known."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import chdtri

from pytest_mlregress.statistics.samples import as_sample, sd, winsorise

#: Confidence of `Spread.upper`.
UPPER_CONFIDENCE: Final = 0.8


@dataclass(frozen=True, slots=True)
class Spread:
    """A standard deviation in metric units, and the bound it stays below with 80 % confidence.

    `lower_bound` tells that it counts one source of noise only, so that the true one is larger.
    """

    sd: float
    upper: float
    lower_bound: bool


def spread_of(values: ArrayLike) -> Spread:
    """The spread of a baseline, shape (n,) with at least two finite values.

    Winsorised as the robust test does it. The upper bound is sd sqrt((n - 1) / q) with q the 0.2
    quantile of chi-square with n - 1 degrees of freedom, exact for normal values: 1.10 at n = 50,
    1.18 at n = 20, 1.56 at n = 5. Raises ValueError for fewer than two finite values.
    """
    sample = as_sample(values, "values")
    finite = sample[np.isfinite(sample)]
    if finite.size < 2:
        raise ValueError(
            f"values has {finite.size} finite of {sample.size}; a spread needs at least 2: "
            "record a baseline, or plan from the size of the test set"
        )
    df = finite.size - 1
    estimate = sd(winsorise(finite))
    factor = math.sqrt(df / float(chdtri(df, UPPER_CONFIDENCE)))
    return Spread(estimate, estimate * factor, lower_bound=False)


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
