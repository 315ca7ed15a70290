"""Values by seed and run, and the parts of their variance.

The model is y = mean + seed + run + rest with random effects. Not every seed is in every run: a
check that stops early has only the first ones. Sums of squares are those of least squares, each
effect after the other one; variances come from equating them with their expectations (Henderson's
method III: Searle, Casella and McCulloch 1992, Variance Components, ch. 5.5).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pytest_mlregress.statistics.samples import FloatArray
from pytest_mlregress.statistics.special_functions import fdtrc, stdtrit

RunValues = Mapping[int, float]
"""The values of one run by seed."""


@dataclass(frozen=True, slots=True)
class MeanSquare:
    """A mean square, whose expectation is the variance of the rest plus that of its effect.

    Attributes:
        value: the mean square, in squared metric units; NaN without degrees of freedom.
        df: its degrees of freedom.
        weight: what the variance of its effect is multiplied with in the expectation.
    """

    value: float
    df: int
    weight: float = 0.0

    def variance(self, rest: MeanSquare) -> float:
        """The variance of its effect, at least 0.

        Args:
            rest: the mean square of the rest.

        Returns:
            The variance, in squared metric units.
        """
        if not (self.df > 0 and rest.df > 0 and self.weight > 0.0):
            return 0.0
        return max(0.0, (self.value - rest.value) / self.weight)


@dataclass(frozen=True, slots=True)
class SeedRunLayout:
    """The mean of all values, the mean squares, and how unevenly the values are distributed.

    The mean of all values has the variance seed_share * V(seed) + run_share * V(run) + V(rest) /
    n_values.

    Attributes:
        mean: the mean of all values, in metric units.
        n_values: number of values.
        n_seeds: number of seeds.
        n_runs: number of runs.
        seed: the mean square of the seeds.
        run: the mean square of the runs.
        rest: the mean square of the rest.
        seed_share: sum over seeds of the squared share of all values that a seed has.
        run_share: the same over runs.
    """

    mean: float
    n_values: int
    n_seeds: int
    n_runs: int
    seed: MeanSquare
    run: MeanSquare
    rest: MeanSquare
    seed_share: float
    run_share: float

    @property
    def p_seed(self) -> float:
        """The p-value of the F test for an effect of the seeds that all runs share."""
        return self._p(self.seed)

    @property
    def p_run(self) -> float:
        """The p-value of the F test for an effect of a run as a whole.

        Both F tests are exact for normal values, whatever the other effect is; 1 without evidence.
        """
        return self._p(self.run)

    def _p(self, effect: MeanSquare) -> float:
        if effect.df < 1 or self.rest.df < 1 or not effect.value > 0.0:
            return 1.0
        if self.rest.value <= 0.0:
            return 0.0
        return float(fdtrc(effect.df, self.rest.df, effect.value / self.rest.value))

    def reach(self, confidence: float, *, count_from: float) -> float:
        """How far the mean of all values may be off by chance, one-sided, with that confidence.

        Student's quantile times the standard error, with Satterthwaite's degrees of freedom for a
        combination of mean squares (1946, Biometrics Bull. 2, 110).

        Args:
            confidence: the one-sided confidence.
            count_from: an effect of the seeds or of the runs counts if its p-value is at most this.

        Returns:
            The distance, in metric units; infinite if it cannot be estimated.
        """
        if self.rest.df < 1:
            return math.inf
        parts = [
            (share / square.weight, square)
            for share, square in ((self.seed_share, self.seed), (self.run_share, self.run))
            if square.variance(self.rest) > 0.0 and self._p(square) <= count_from
        ]
        parts.append((1.0 / self.n_values - math.fsum(factor for factor, _ in parts), self.rest))
        variance = math.fsum(factor * square.value for factor, square in parts)
        if variance <= 0.0:
            return 0.0
        squares = math.fsum((factor * square.value) ** 2 / square.df for factor, square in parts)
        df = max(1.0, variance**2 / squares)
        return float(stdtrit(df, confidence)) * math.sqrt(variance)


def seed_run_layout(runs: Sequence[RunValues]) -> SeedRunLayout:
    """The layout of at least one run with at least one finite value.

    Args:
        runs: the values of each run by seed, in metric units; runs without a finite one are left
            out.

    Returns:
        The mean squares.

    Raises:
        ValueError: there is no finite value.
    """
    cells = [
        (seed, number, value)
        for number, run in enumerate(runs)
        for seed, value in run.items()
        if np.isfinite(value)
    ]
    if not cells:
        raise ValueError("no run has a finite value; a layout needs at least one")
    raw = np.array([value for _, _, value in cells])
    mean = float(raw.mean())
    values = raw - mean
    # The remainder of values that fit exactly is rounding, not variance.
    rounding = 1e-24 * float(values @ values) + raw.size * (1e-15 * float(abs(raw).max())) ** 2
    seed, run = _numbered([s for s, _, _ in cells]), _numbered([r for _, r, _ in cells])
    seeds, runs_used, n = int(seed.max()) + 1, int(run.max()) + 1, values.size
    of_seeds = _centred(values, seed)
    # Seeds are removed first, since runs are few.
    both, rank = _residual_squares(of_seeds, _centred(np.eye(runs_used)[run], seed))
    rank += seeds
    squares = (float(of_seeds @ of_seeds), float((_centred(values, run) ** 2).sum()), both)
    without_run, without_seed, both = (left if left > rounding else 0.0 for left in squares)
    return SeedRunLayout(
        mean=mean,
        n_values=n,
        n_seeds=seeds,
        n_runs=runs_used,
        seed=_mean_square(without_seed - both, rank - runs_used, n - runs_used),
        run=_mean_square(without_run - both, rank - seeds, n - seeds),
        rest=_mean_square(both, n - rank, 0),
        seed_share=float(((np.bincount(seed) / n) ** 2).sum()),
        run_share=float(((np.bincount(run) / n) ** 2).sum()),
    )


def distinct_runs(runs: Iterable[RunValues]) -> list[RunValues]:
    """The runs without those that are bit-identical to another one, of which the longest stays.

    Two runs are identical if they give equal values for all the seeds that they share: one of them
    is no further evidence.

    Args:
        runs: the values of each run by seed.

    Returns:
        The runs, in the order of the first of each.
    """
    kept: list[RunValues] = []
    for run in runs:
        same = next((at for at, other in enumerate(kept) if same_values(run, other)), None)
        if same is None:
            kept.append(run)
        elif len(run) > len(kept[same]):
            kept[same] = run
    return kept


def same_values(one: RunValues, other: RunValues) -> bool:
    """Whether two runs share seeds, and give equal values for all of them.

    Args:
        one: the values of a run by seed.
        other: those of another run.

    Returns:
        Whether they are the same.
    """
    shared = one.keys() & other.keys()
    return bool(shared) and all(one[seed] == other[seed] for seed in shared)


def _numbered(labels: Sequence[int]) -> NDArray[np.intp]:
    """The labels as numbers from 0 on, shape (n,)."""
    return np.unique(np.array(labels), return_inverse=True)[1]


def _centred(columns: FloatArray, group: NDArray[np.intp]) -> FloatArray:
    """The columns, shape (n,) or (n, m), less their means over each group."""
    sums = np.zeros((int(group.max()) + 1, *columns.shape[1:]))
    np.add.at(sums, group, columns)
    sizes = np.bincount(group).reshape(-1, *[1] * (columns.ndim - 1))
    return np.asarray(columns - (sums / sizes)[group])


def _residual_squares(values: FloatArray, columns: FloatArray) -> tuple[float, int]:
    """The sum of squares that remains after least squares on the columns, and the columns' rank."""
    solution, _, rank, _ = np.linalg.lstsq(columns, values, rcond=None)
    return float(((values - columns @ solution) ** 2).sum()), int(rank)


def _mean_square(squares: float, df: int, coefficient: float) -> MeanSquare:
    """`coefficient` is that of the effect's variance in the expected sum of squares."""
    if df < 1:
        return MeanSquare(math.nan, 0)
    return MeanSquare(max(0.0, squares) / df, df, coefficient / df)
