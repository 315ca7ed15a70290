"""The seed-to-seed standard deviation that a plan assumes, and how well it is known."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from pytest_mlregress.statistics.samples import FloatArray, as_sample, sd, winsorise
from pytest_mlregress.statistics.special_functions import chdtri, fdtr

#: Confidence of `Spread.upper`.
UPPER_CONFIDENCE: Final = 0.8

# An earlier sample whose variance differs at this two-sided level has another spread, and is no
# evidence about the current one.
_OTHER_SPREAD: Final = 0.02


@dataclass(frozen=True, slots=True)
class Spread:
    """A standard deviation and its upper bound.

    Attributes:
        sd: the standard deviation, in metric units.
        upper: its upper confidence bound at 80 %, in metric units.
        lower_bound: whether it counts one source of noise only, so that the true one is larger.
        df: degrees of freedom of the estimate; infinite if it is known.
    """

    sd: float
    upper: float
    lower_bound: bool
    df: float = math.inf


def spread_of(values: ArrayLike, earlier: Sequence[ArrayLike] = ()) -> Spread:
    """The spread of a baseline.

    Winsorised as in the robust test. The upper bound is sd sqrt(df / q) with q the 0.2 quantile of
    chi-square with df degrees of freedom, exact for normal values: 1.10 at n = 50, 1.18 at n = 20,
    1.56 at n = 5.

    Args:
        values: shape (n,) with at least two finite values, in metric units.
        earlier: the samples of earlier revisions, each around its own mean: their variances are
            pooled with the baseline's, except for those that differ from it in an F test.

    Returns:
        The spread.

    Raises:
        ValueError: fewer than two finite values.
    """
    samples = (as_sample(values, "values"), *(as_sample(one, "earlier") for one in earlier))
    return _spread_of(tuple(sample.tobytes() for sample in samples))


@lru_cache(maxsize=1024)
def _spread_of(samples: tuple[bytes, ...]) -> Spread:
    """Each look at a metric asks for the spread of the same baseline."""
    sample, *earlier = map(np.frombuffer, samples)
    finite = sample[np.isfinite(sample)]
    if finite.size < 2:
        raise ValueError(
            f"values has {finite.size} finite of {sample.size}; a spread needs at least 2: "
            "record a baseline, or plan from the size of the test set"
        )
    variance, df = _variance(finite)
    squares, freedom = variance * df, df
    for sample in (other[np.isfinite(other)] for other in earlier):
        if sample.size < 2:
            continue
        other, other_df = _variance(sample)
        if _alike(variance, df, other, other_df):
            squares, freedom = squares + other * other_df, freedom + other_df
    # The square root of a mean of squares would lose digits if there is nothing to pool.
    estimate = sd(winsorise(finite)) if freedom == df else math.sqrt(squares / freedom)
    factor = math.sqrt(freedom / float(chdtri(freedom, UPPER_CONFIDENCE)))
    return Spread(estimate, estimate * factor, lower_bound=False, df=float(freedom))


def _variance(finite: FloatArray) -> tuple[float, int]:
    """The winsorised variance and its degrees of freedom."""
    return sd(winsorise(finite)) ** 2, finite.size - 1


def _alike(variance: float, df: int, other: float, other_df: int) -> bool:
    """Whether two variances can be equal; not if one of them is 0."""
    if min(variance, other) <= 0.0:
        return False
    below = float(fdtr(other_df, df, other / variance))
    return _OTHER_SPREAD / 2 <= below <= 1.0 - _OTHER_SPREAD / 2


def spread_of_accuracy(accuracy: float, n_test: int) -> Spread:
    """The spread of an accuracy that a test set causes, before any run.

    The binomial standard deviation sqrt(p (1 - p) / n): what remains if two trainings differ only
    by chance on each example. With a fixed test set, seeds share its easy and hard examples and may
    spread less; initialisation and order of the data add to it. It is a lower bound and a first
    guess; the recorded baseline gives the answer.

    Args:
        accuracy: the expected accuracy, between 0 and 1.
        n_test: number of test examples.

    Returns:
        The spread, a lower bound.

    Raises:
        ValueError: an accuracy outside (0, 1) or a size below 1.
    """
    if not 0.0 < accuracy < 1.0:
        raise ValueError(f"accuracy is {accuracy!r}; allowed is a number between 0 and 1")
    if n_test < 1:
        raise ValueError(f"n_test is {n_test!r}; allowed is at least 1 test example")
    estimate = math.sqrt(accuracy * (1.0 - accuracy) / n_test)
    return Spread(estimate, estimate, lower_bound=True)
