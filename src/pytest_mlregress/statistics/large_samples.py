"""Permutation distributions of many seeds: their limits, corrected for shape and ties.

With fifty seeds on each side hundreds of thousands of drawn relabellings are less precise than the
limit: their own noise is 2 % of a p-value of 0.01 and 70 % of one of 1e-5. The corrections are
those of Edgeworth and Cornish-Fisher expansions (Hall 1992, The Bootstrap and Edgeworth Expansion,
ch. 2) in the skewness and kurtosis of the pooled sample; docs/methods.md says how close they come.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from pytest_mlregress.statistics.samples import FloatArray
from pytest_mlregress.statistics.special_functions import ndtr, stdtr
from pytest_mlregress.statistics.tails import Tails

#: Seeds that each side must have.
LEAST_SIDE: Final = 50

#: How skewed t may be: beyond it the expansion is not close. With equal sides t is never skewed.
MOST_SKEW: Final = 0.1

#: Beyond this many standard errors the expansions are not used: p is at its minimum there.
FURTHEST: Final = 5.0

#: Two values closer than this, of values scaled to at most 1, are equal.
SAME_LEVEL: Final = 1e-9


def has_limit(values: FloatArray, n_candidate: int) -> bool:
    """Whether `welch_limit` applies.

    Args:
        values: the pooled sample, shape (n,).
        n_candidate: number of candidate seeds.

    Returns:
        False with few seeds on a side, and with few seeds of very skewed values against many.
    """
    if min(n_candidate, values.size - n_candidate) < LEAST_SIDE:
        return False
    return values.min() == values.max() or abs(_Shape.of(values, n_candidate).skew) <= MOST_SKEW


def welch_limit(values: FloatArray, n_candidate: int, smallest_p: float) -> Tails:
    """Tails of Welch's t over the relabellings of centred `values`, candidate first.

    Welch's t distribution, its argument shifted by the terms of order 1 / sqrt(n) and 1 / n that
    skewed and heavy-tailed values add (Hall 1992, ch. 2). If values repeat, sums move in steps:
    half a step counts against either alternative.

    Args:
        values: the pooled sample, shape (n,), centred, the candidate's first.
        n_candidate: number of candidate seeds.
        smallest_p: lower bound of the p-values.

    Returns:
        Both one-sided p-values.
    """
    candidate, baseline = values[:n_candidate], values[n_candidate:]
    parts = candidate.var(ddof=1) / candidate.size, baseline.var(ddof=1) / baseline.size
    difference = float(candidate.mean() - baseline.mean())
    # A sum of the candidate that is larger by a step makes its mean larger and the other smaller.
    half_step = _step(values) / 2 * (1 / candidate.size + 1 / baseline.size)
    error = math.sqrt(sum(parts))
    if error == 0.0:
        return _far(difference, smallest_p)
    df = sum(parts) ** 2 / (
        parts[0] ** 2 / (candidate.size - 1) + parts[1] ** 2 / (baseline.size - 1)
    )
    shape = _Shape.of(values, candidate.size)
    less = shape.below((difference + half_step) / error, df)
    # By symmetry, so that small tails keep their digits.
    greater = shape.mirrored().below(-(difference - half_step) / error, df)
    return Tails(_bounded(less, smallest_p), _bounded(greater, smallest_p))


def sum_limit(population: FloatArray, size: int, observed: float, step: float) -> Tails:
    """Tails of the sum of `size` numbers drawn at random from `population`.

    The normal distribution with the exact variance, skewness and kurtosis of such a sum.

    Args:
        population: shape (n,).
        size: how many of them are added.
        observed: the observed sum.
        step: the step in which sums move; half of it counts against either alternative.

    Returns:
        Both one-sided p-values.
    """
    n = population.size
    centred = population - population.mean()
    m2, m3, m4 = ((centred**power).mean() for power in (2, 3, 4))
    if m2 == 0.0:
        return Tails(1.0, 1.0)
    rest = n - size
    variance = size * rest / (n - 1) * m2
    third = size * rest * (rest - size) / ((n - 1) * (n - 2)) * m3
    fourth = (n * (n + 1) - 6 * size * rest) * m4 + 3 * n * (size - 1) * (rest - 1) * m2**2
    fourth *= size * rest / ((n - 1) * (n - 2) * (n - 3))
    skewness, kurtosis = third / variance**1.5, fourth / variance**2 - 3
    half_step = step / 2
    deviation = observed - size * population.mean()
    sd = math.sqrt(variance)

    least = 1 / (1 + math.comb(n, size))
    less = _edgeworth((deviation + half_step) / sd, skewness, kurtosis)
    greater = _edgeworth(-(deviation - half_step) / sd, -skewness, kurtosis)
    return Tails(_bounded(less, least), _bounded(greater, least))


def _edgeworth(z: float, skewness: float, kurtosis: float) -> float:
    """P(Z <= z) of a standardised sum."""
    z = min(max(z, -2 * FURTHEST), 2 * FURTHEST)
    terms = skewness / 6 * (z * z - 1) + kurtosis / 24 * (z**3 - 3 * z)
    terms += skewness**2 / 72 * (z**5 - 10 * z**3 + 15 * z)
    return float(ndtr(z) - terms * _density(z))


@dataclass(frozen=True, slots=True)
class _Shape:
    """What the skewness and the tails of the pooled values do to the distribution of t."""

    skew: float
    tails: float

    @classmethod
    def of(cls, values: FloatArray, n_candidate: int) -> _Shape:
        k, m = n_candidate, values.size - n_candidate
        centred = values - values.mean()
        variance = float((centred**2).mean())
        skewness = float((centred**3).mean()) / variance**1.5
        kurtosis = float((centred**4).mean()) / variance**2 - 3
        inverse = 1 / k + 1 / m
        return cls(
            skew=skewness * (k**-2.0 - m**-2.0) / inverse**1.5,
            tails=kurtosis * (k**-3.0 + m**-3.0) / inverse**2,
        )

    def mirrored(self) -> _Shape:
        return _Shape(-self.skew, self.tails)

    def below(self, t: float, df: float) -> float:
        """P(T <= t)."""
        t = min(max(t, -FURTHEST), FURTHEST)
        moved = t + self.skew / 6 * (2 * t * t + 1) - self.skew**2 / 18 * (t**3 - 3.25 * t)
        moved += self.tails / 12 * (t**3 - 3 * t)
        return float(stdtr(df, moved))


def _density(z: float) -> float:
    return math.exp(-z * z / 2) / math.sqrt(2 * math.pi)


def _bounded(p: float, least: float) -> float:
    return min(max(p, least), 1.0)


def _far(difference: float, smallest_p: float) -> Tails:
    """The tails of two constants: either as far apart as possible, or equal."""
    if difference == 0.0:
        return Tails(1.0, 1.0)
    return Tails(smallest_p, 1.0) if difference < 0 else Tails(1.0, smallest_p)


def _step(values: FloatArray) -> float:
    """The smallest difference of two different values; tiny for continuous ones."""
    gaps = np.diff(np.sort(values))
    gaps = gaps[gaps > SAME_LEVEL * np.abs(values).max()]
    return float(gaps.min()) if gaps.size else 0.0
