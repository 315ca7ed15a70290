"""Where the mean of a metric changed, in a series of runs that each trained a few seeds.

Runs are few, their seeds are known one by one, and so each run's mean comes with a standard error.
The statistic of a series of m means x_i is the largest of its m - 1 two-sample statistics,
T = max_k |z_k|, where z_k compares the weighted mean of the first k runs with that of the others:
the likelihood-ratio test for one shift in location at an unknown place (Worsley 1979, *J. Am. Stat.
Assoc.* 74, 365), here with known weights. Several changes are found by binary segmentation
(Vostrikova 1981, *Sov. Math. Dokl.* 24, 55): a series with a change is cut there, and both parts
are looked at in the same way.

The variance of a mean is s^2 / n_i + tau^2. s^2 is pooled over the seeds within the runs, with
values winsorised at 3 robust standard deviations of the residuals from the run's median; tau^2 is
what successive means differ beyond their seeds, by the median of the squared differences, which a
few shifts leave as it is. The p-value is that of the same statistic, with all estimates made as
here, in simulated normal series with the same numbers of seeds and no change. What a change is
said to be, its means and their interval, is of the values as they are, as in a comparison.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import t as student

from pytest_mlregress.statistics.samples import FloatArray

#: The chance that a series without a change is said to have one.
LEVEL: Final = 0.01

#: Simulated series per p-value: one of 0.01 is known to about 0.0014.
_SIMULATED: Final = 4_999

_SEED: Final = 20_260_101

#: Fewer means do not show whether they differ beyond their seeds.
_LEAST_FOR_TAU: Final = 6

#: The median of a chi-square variable with one degree of freedom.
_MEDIAN_CHI2: Final = 0.45493642311957

#: Robust standard deviations at which residuals end.
_WINSOR: Final = 3.0

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
    counts = np.array([sample.size for sample in samples[begin:end]])
    if counts.size < 2 or counts.max() < 2:
        return []
    means, variance = _estimates(_table(samples[begin:end], counts), counts)
    if variance[0] == 0.0:  # constant within each run
        at = begin + 1 + int(np.argmax(np.diff(means[0]) != 0.0))
        if samples[at][0] == samples[at - 1][0]:
            return []
        return [(at, 0.0), *_cuts(samples, at, end, level)]
    statistics = _statistics(means, counts, variance)[0]
    simulated = _simulated(tuple(counts.tolist()))
    pvalue = (1 + int(np.count_nonzero(simulated >= statistics.max()))) / (simulated.size + 1)
    if pvalue > level:
        return []
    at = begin + 1 + int(statistics.argmax())
    return [*_cuts(samples, begin, at, level), (at, pvalue), *_cuts(samples, at, end, level)]


def _change(
    samples: Sequence[FloatArray], begin: int, at: int, end: int, pvalue: float
) -> ChangePoint:
    """The change between two stretches."""
    counts = np.array([sample.size for sample in samples[begin:end]])
    means, variance = _estimates(_table(samples[begin:end], counts), counts, winsorised=False)
    sides = (slice(0, at - begin), slice(at - begin, end - begin))
    tau2 = max(float(_tau2(means[:, side], counts[side], variance)[0]) for side in sides)
    exact = variance[0] == 0.0
    weights = np.ones(counts.size) if exact else 1.0 / (variance[0] / counts + tau2)
    before, after = (float(np.average(means[0, side], weights=weights[side])) for side in sides)
    reach = 0.0
    if not exact:
        error = float(np.sqrt(sum(1.0 / weights[side].sum() for side in sides)))
        df = float((counts - 1).sum())
        reach = float(student.ppf(0.5 + _INTERVAL_LEVEL / 2, df)) * error
    difference = after - before
    interval = (difference - reach, difference + reach)
    return ChangePoint(at, begin, end, before, after, interval, pvalue)


def _table(samples: Sequence[FloatArray], counts: Counts) -> FloatArray:
    """The values of runs as one series, shape (1, runs, largest count), NaN where there is none."""
    table = np.full((1, counts.size, int(counts.max())), np.nan)
    for row, sample in enumerate(samples):
        table[0, row, : sample.size] = sample
    return table


def _estimates(
    table: FloatArray, counts: Counts, *, winsorised: bool = True
) -> tuple[FloatArray, FloatArray]:
    """The mean of each run and the pooled variance within runs.

    Args:
        table: shape (series, runs, largest count), NaN where a run has no value.
        counts: values of each run, shape (runs,).
        winsorised: whether of winsorised values.

    Returns:
        Means, shape (series, runs), and variances, shape (series,).
    """
    centres = np.nanmedian(table, axis=2, keepdims=True)
    residuals = table - centres
    if winsorised:
        size = np.abs(residuals).reshape(table.shape[0], -1)
        limit = _WINSOR * 1.4826 * np.nanmedian(size, axis=1)
        limit = np.where(limit == 0.0, np.nanmax(size, axis=1), limit)[:, None, None]
        residuals = np.clip(residuals, -limit, limit)
    offsets = np.nansum(residuals, axis=2) / counts  # from the median, so that constants stay exact
    squares = np.nansum((residuals - offsets[:, :, None]) ** 2, axis=(1, 2))
    return centres[:, :, 0] + offsets, squares / (counts - 1).sum()


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


def _statistics(means: FloatArray, counts: Counts, variance: FloatArray) -> FloatArray:
    """|z_k| for each place of a cut, shape (series, runs - 1)."""
    tau2 = _tau2(means, counts, variance)
    weights = 1.0 / (variance[:, None] / counts + tau2[:, None])
    total, moment = weights.cumsum(axis=1), (weights * means).cumsum(axis=1)
    left, right = total[:, :-1], total[:, -1:] - total[:, :-1]
    difference = moment[:, :-1] / left - (moment[:, -1:] - moment[:, :-1]) / right
    found: FloatArray = np.abs(difference) / np.sqrt(1.0 / left + 1.0 / right)
    return found


@lru_cache(maxsize=256)
def _simulated(counts: tuple[int, ...]) -> FloatArray:
    """The statistic in normal series without a change, shape (_SIMULATED,)."""
    generator = np.random.default_rng([_SEED, *counts])
    numbers = np.array(counts)
    absent = np.arange(numbers.max()) >= numbers[:, None]
    found = []
    chunk = max(1, 1_000_000 // absent.size)
    for start in range(0, _SIMULATED, chunk):
        table = generator.normal(size=(min(chunk, _SIMULATED - start), *absent.shape))
        table[:, absent] = np.nan
        means, variance = _estimates(table, numbers)
        found.append(_statistics(means, numbers, variance).max(axis=1))
    return np.concatenate(found)
