"""Where the mean of a metric changed, in a series of runs that each trained a few seeds.

Runs are few, their seeds are known one by one, and so each run's mean comes with a standard error.
The statistic of a series of m means x_i is the largest of its m - 1 two-sample statistics,
T = max_k |z_k|, where z_k compares the weighted mean of the first k runs with that of the others:
the likelihood-ratio test for one shift in location at an unknown place (Worsley 1979, *J. Am. Stat.
Assoc.* 74, 365), here with known weights. Several changes are found by binary segmentation
(Vostrikova 1981, *Sov. Math. Dokl.* 24, 55): a series with a change is cut there, and both parts
are looked at in the same way.

The variance of a mean is s^2 / n_i + tau^2. s^2 is pooled over the seeds within the runs; tau^2 is
what successive means differ beyond their seeds, by the median of the squared differences, which a
few shifts leave as it is. All of it is of values that end 3 robust standard deviations of the
series from the median of their run, so that a diverged seed hides no shift.

The p-value is that of T among the series that give the same values to the same runs in another
order (Antoch and Huskova 2001, *Stat. Probab. Lett.* 53, 37): without a change all of these are as
likely as the one that was seen, whatever the values are distributed like, skewed, diverged or tied.
What a change is said to be, its means and their interval, is of the values as they are, as in a
comparison.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from math import factorial, prod
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pytest_mlregress.statistics.samples import (
    WINSOR_LIMIT,
    FloatArray,
    exponent_of,
    mean,
    robust_sd,
    sum_of_squares,
)
from pytest_mlregress.statistics.special_functions import stdtrit

#: The chance that a series without a change is said to have one.
LEVEL: Final = 0.01

#: Orders per p-value, drawn where there are more: a p of 0.01 is known to about 0.0022.
_ORDERS: Final = 1_999

#: Orders that are looked at before it is asked whether the rest can matter.
_FIRST_ORDERS: Final = 100

#: Values that are put in order at once, for the sake of memory.
_VALUES_AT_ONCE: Final = 1_000_000

_SEED: Final = 20_260_101

#: Fewer means do not show whether they differ beyond their seeds.
_LEAST_FOR_TAU: Final = 6

#: The median of a chi-square variable with one degree of freedom.
_MEDIAN_CHI2: Final = 0.45493642311957

#: Statistics that differ by less, relatively, are the same but for rounding.
_ROUNDING: Final = 1e-9

_INTERVAL_LEVEL: Final = 0.95

Counts: TypeAlias = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class ChangePoint:
    """A change of the mean.

    Attributes:
        at: the index of the first run after it.
        begin: the index of the first run of the stretch before it.
        end: the index after the last run of the stretch that it begins.
        before: the mean of the stretch before it, in metric units.
        after: the mean of the stretch that it begins, in metric units.
        interval: 95 % confidence interval of the difference of both, in metric units.
        pvalue: of no change in the stretch that was cut.
    """

    at: int
    begin: int
    end: int
    before: float
    after: float
    interval: tuple[float, float]
    pvalue: float

    @property
    def difference(self) -> float:
        """After minus before, in metric units."""
        return self.after - self.before


def change_points(runs: Sequence[ArrayLike], *, level: float = LEVEL) -> tuple[ChangePoint, ...]:
    """The changes of the mean in a series of runs.

    Runs that are no further evidence, such as bit-identical repetitions, are to be left out before.
    Seeds that runs share make their means more alike, and a false alarm less likely.

    Args:
        runs: the finite values of each run, oldest first, each of shape (n_i,), in metric units.
        level: the chance that a series without a change is said to have one.

    Returns:
        The changes, oldest first; none for fewer than two runs, or without a run of two values.

    Raises:
        ValueError: a run has no value, or one that is not finite.
    """
    samples = [np.asarray(run, dtype=float) for run in runs]
    if any(sample.size == 0 or not np.isfinite(sample).all() for sample in samples):
        raise ValueError("every run must have values, and all of them finite")
    cuts = _cuts(samples, 0, len(samples), level)
    edges = [0, *(at for at, _ in cuts), len(samples)]
    return tuple(
        _change(samples, edges[i], at, edges[i + 2], pvalue) for i, (at, pvalue) in enumerate(cuts)
    )


def _cuts(
    samples: Sequence[FloatArray], begin: int, end: int, level: float
) -> list[tuple[int, float]]:
    """Each place at which a stretch of runs is cut, with its p-value, in order."""
    runs = samples[begin:end]
    if len(runs) < 2 or max(run.size for run in runs) < 2:
        return []
    if all(run.min() == run.max() for run in runs):
        at = begin + _first_difference(runs)
        return [] if at == begin else [(at, 0.0), *_cuts(samples, at, end, level)]
    at, pvalue = _most_likely_change(runs, level)
    if pvalue > level:
        return []
    at += begin
    return [*_cuts(samples, begin, at, level), (at, pvalue), *_cuts(samples, at, end, level)]


def _first_difference(runs: Sequence[FloatArray]) -> int:
    """The first run that differs from the one before it, of runs that are constant; 0 for none.

    A single value shows no constant: it may be a rare one.
    """
    for at in range(1, len(runs)):
        if runs[at][0] != runs[at - 1][0]:
            return at if min(runs[at].size, runs[at - 1].size) > 1 else 0
    return 0


def _most_likely_change(runs: Sequence[FloatArray], level: float) -> tuple[int, float]:
    """Where a series changed if it did, and the p-value of no change.

    Args:
        runs: the values of each run, shape (n_i,), not all constant.
        level: the p-value may end up anywhere above it as soon as it is above it.

    Returns:
        The first run after the change, and the p-value.
    """
    counts = np.array([run.size for run in runs])
    pooled = np.concatenate(runs)
    pooled = np.ldexp(pooled, -exponent_of(pooled))
    reach = WINSOR_LIMIT * robust_sd(pooled)
    limit = reach if reach > 0.0 else np.inf
    seen = _statistics(pooled[None], counts, limit)[0]
    least = seen.max() * (1.0 - _ROUNDING)
    at = 1 + int(seen.argmax())
    values = np.sort(pooled)  # that the orders drawn do not depend on the one seen
    orders = _every_order(tuple(counts.tolist()))
    if orders is not None:
        return at, float((_statistics(values[orders], counts, limit).max(axis=1) >= least).mean())
    generator = np.random.default_rng([_SEED, *counts])
    exceeded = drawn = 0
    while drawn < _ORDERS and exceeded + 1 <= level * (_ORDERS + 1):
        size = min(drawn or _FIRST_ORDERS, _ORDERS - drawn, max(1, _VALUES_AT_ONCE // values.size))
        table = generator.permuted(np.tile(values, (size, 1)), axis=1)
        exceeded += int(np.count_nonzero(_statistics(table, counts, limit).max(axis=1) >= least))
        drawn += size
    return at, (exceeded + 1) / (drawn + 1)


def _change(
    samples: Sequence[FloatArray], begin: int, at: int, end: int, pvalue: float
) -> ChangePoint:
    """The change between two stretches."""
    runs = samples[begin:end]
    counts = np.array([run.size for run in runs])
    means = np.array([[mean(run) for run in runs]])
    df = float((counts - 1).sum())
    variance = np.array([sum(map(sum_of_squares, runs)) / df])
    sides = (slice(0, at - begin), slice(at - begin, end - begin))
    tau2 = max(float(_tau2(means[:, side], counts[side], variance)[0]) for side in sides)
    exact = variance[0] == 0.0
    weights = np.ones(counts.size) if exact else 1.0 / (variance[0] / counts + tau2)
    before, after = (float(np.average(means[0, side], weights=weights[side])) for side in sides)
    reach = 0.0
    if not exact:
        error = float(np.sqrt(sum(1.0 / weights[side].sum() for side in sides)))
        reach = float(stdtrit(df, 0.5 + _INTERVAL_LEVEL / 2)) * error
    difference = after - before
    interval = (difference - reach, difference + reach)
    return ChangePoint(at, begin, end, before, after, interval, pvalue)


def _tau2(means: FloatArray, counts: Counts, variance: FloatArray) -> FloatArray:
    """What means of successive runs differ beyond their seeds, as a variance.

    Args:
        means: shape (series, runs).
        counts: seeds of each run, shape (runs,).
        variance: within runs, shape (series,).

    Returns:
        Shape (series,).
    """
    if counts.size < _LEAST_FOR_TAU:
        return np.zeros(means.shape[0])
    expected = 1.0 / counts[:-1] + 1.0 / counts[1:]
    with np.errstate(divide="ignore", invalid="ignore"):
        squares = np.diff(means, axis=1) ** 2 / (expected * variance[:, None])
    excess = np.median(squares, axis=1) / _MEDIAN_CHI2 - 1.0
    excess = np.where(np.isfinite(excess), excess, 0.0)  # constant runs
    return np.maximum(excess, 0.0) * variance * float(np.median(expected)) / 2.0


def _statistics(values: FloatArray, counts: Counts, limit: float) -> FloatArray:
    """|z_k| for each place of a cut.

    Args:
        values: the values of one run after those of the other, shape (series, values).
        counts: values of each run, shape (runs,).
        limit: where a value's distance from its run's median ends.

    Returns:
        Shape (series, runs - 1); infinite where no run varies.
    """
    means, variance = _winsorised(values, counts, limit)
    variances = variance[:, None] / counts + _tau2(means, counts, variance)[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        weights = 1.0 / variances
        total, moment = weights.cumsum(axis=1), (weights * means).cumsum(axis=1)
        left, right = total[:, :-1], total[:, -1:] - total[:, :-1]
        difference = moment[:, :-1] / left - (moment[:, -1:] - moment[:, :-1]) / right
        found: FloatArray = np.abs(difference) / np.sqrt(1.0 / left + 1.0 / right)
    found[variance == 0.0] = np.inf
    return found


def _winsorised(values: FloatArray, counts: Counts, limit: float) -> tuple[FloatArray, FloatArray]:
    """The mean of each run, shape (series, runs), and the variance within runs, shape (series,).

    Exactly the value and 0 for a run that is constant. Arguments as for `_statistics`.
    """
    starts = np.cumsum(counts) - counts
    means = np.empty((values.shape[0], counts.size))
    squares = np.zeros(values.shape[0])
    for count in np.unique(counts):
        runs = np.flatnonzero(counts == count)
        table = np.sort(values[:, starts[runs, None] + np.arange(count)], axis=2)
        medians = (table[:, :, (count - 1) // 2] + table[:, :, count // 2]) / 2.0
        residuals = np.clip(table - medians[:, :, None], -limit, limit)
        offsets = residuals.mean(axis=2)
        means[:, runs] = medians + offsets
        squares += ((residuals - offsets[:, :, None]) ** 2).sum(axis=(1, 2))
    return means, squares / (counts - 1).sum()


@lru_cache(maxsize=64)
def _every_order(counts: tuple[int, ...]) -> NDArray[np.intp] | None:
    """Every way to give values to runs, shape (orders, values); None where there are too many."""
    values = sum(counts)
    if factorial(values) > _ORDERS * prod(map(factorial, counts)):
        return None
    return np.array(list(_orders(tuple(range(values)), counts)))


def _orders(places: tuple[int, ...], counts: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    if len(counts) == 1:
        yield places
        return
    for chosen in combinations(places, counts[0]):
        others = tuple(place for place in places if place not in chosen)
        for rest in _orders(others, counts[1:]):
            yield chosen + rest
