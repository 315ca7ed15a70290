"""Contrasts of the cells within each seed, and what a single one of them shows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

import numpy as np

from pytest_mlregress.statistics.factorial_designs import CellKey
from pytest_mlregress.statistics.factorial_looks import FactorialLook
from pytest_mlregress.statistics.pair_design import LEAST_PAIRS_AT_END, LEAST_PAIRS_TO_REJECT
from pytest_mlregress.statistics.samples import MAD_TO_SD, FloatArray, mean, median, sd, winsorise
from pytest_mlregress.statistics.sign_flip import sign_flip_test, smallest_flip_p
from pytest_mlregress.statistics.special_functions import stdtr, stdtrit

#: A cell's values by seed.
CellValues = Mapping[CellKey, Mapping[int, float]]

# Contrasts are clipped whose sizes lie so many robust standard deviations of all sizes above their
# median: beyond three standard deviations of normal contrasts without an effect.
_REACH: Final = 4.0

_ROUNDING: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Weights:
    """A linear contrast: what each cell counts, with sum 0.

    Attributes:
        of: the weight of each cell that takes part.
    """

    of: Mapping[CellKey, float]

    @classmethod
    def difference(cls, changed: CellKey, base: CellKey) -> Weights:
        """One cell minus another.

        Args:
            changed: the cell with the change.
            base: the cell without.

        Returns:
            The contrast.
        """
        return cls({changed: 1.0, base: -1.0})

    @classmethod
    def mean_of(cls, parts: Sequence[Weights]) -> Weights:
        """The average of contrasts.

        Args:
            parts: at least one contrast.

        Returns:
            The contrast.
        """
        total: dict[CellKey, float] = {}
        for part in parts:
            for cell, weight in part.of.items():
                total[cell] = total.get(cell, 0.0) + weight / len(parts)
        return cls({cell: weight for cell, weight in total.items() if weight})

    def seeds(self, values: CellValues) -> tuple[int, ...]:
        """The seeds that all cells of the contrast have.

        Args:
            values: the cells' values.

        Returns:
            Increasing seeds.
        """
        first, *others = (set(values[cell]) for cell in self.of)
        return tuple(sorted(first.intersection(*others)))


def one_step(change: str, cells: CellValues) -> list[Weights]:
    """All pairs of cells that differ by one change alone.

    Args:
        change: the change.
        cells: the cells that there are.

    Returns:
        One contrast per pair.
    """
    return [
        Weights.difference(cell | {change}, cell)
        for cell in cells
        if change not in cell and cell | {change} in cells
    ]


def interactions(changes: Sequence[str], cells: CellValues) -> list[Weights]:
    """Differences of differences, one for each setting of the other changes that has all cells.

    Args:
        changes: the changes that interact, at least two.
        cells: the cells that there are.

    Returns:
        The contrasts; with two changes A and B: AB - A - B + neither.
    """
    found = []
    for other in (cell for cell in cells if not cell & set(changes)):
        corners = {
            other | frozenset(on): (-1.0) ** (len(changes) - n)
            for n in range(len(changes) + 1)
            for on in combinations(changes, n)
        }
        if all(corner in cells for corner in corners):
            found.append(Weights(corners))
    return found


def balanced(changes: Sequence[str], cells: CellValues) -> Weights | None:
    """The contrast of an effect over all cells of a fraction.

    Args:
        changes: the changes of the effect.
        cells: the cells that there are.

    Returns:
        The contrast; None if it is not balanced.
    """
    signs = {cell: (-1.0) ** len(set(changes) - cell) for cell in cells}
    if sum(signs.values()) != 0.0:
        return None
    scale = 2.0 ** len(changes) / len(signs)
    return Weights({cell: scale * sign for cell, sign in signs.items()})


@dataclass(frozen=True, slots=True)
class Contrast:
    """A contrast of every seed, oriented so that higher is better.

    Attributes:
        values: shape (n,), finite, in metric units: failed seeds are far below or above all others.
        failed_worse: number of seeds that failed on the changed side alone.
        failed_better: number of seeds that failed on the other side alone.
    """

    values: FloatArray
    failed_worse: int = 0
    failed_better: int = 0

    @classmethod
    def of(cls, weights: Weights, values: CellValues, sign: float) -> Contrast:
        """Compute it.

        Args:
            weights: the contrast.
            values: the cells' values.
            sign: -1 where lower is better.

        Returns:
            The contrast of the seeds that all its cells have.
        """
        seeds = weights.seeds(values)
        table = np.array(
            [[sign * values[cell][seed] for seed in seeds] for cell in weights.of], dtype=np.float64
        ).reshape(len(weights.of), len(seeds))
        failed = ~np.isfinite(table)
        weight = np.array(list(weights.of.values()))[:, None]
        # A failed value is minus infinity: it pulls in the direction of its weight.
        pull = -np.sign((failed * weight).sum(axis=0))
        contrast = (weight * np.where(failed, 0.0, table)).sum(axis=0)
        whole = ~failed.any(axis=0)
        known = np.abs(contrast[whole])
        beyond = 2.0 * float(known.max()) if known.size and known.max() > 0.0 else 1.0
        return cls(
            np.where(whole, contrast, pull * beyond),
            int(np.count_nonzero(~whole & (pull < 0.0))),
            int(np.count_nonzero(~whole & (pull > 0.0))),
        )

    @property
    def n(self) -> int:
        """The number of seeds."""
        return int(self.values.size)

    @property
    def loss(self) -> float:
        """The mean loss, winsorised; infinite where more seeds failed on the changed side."""
        if self.n == 0:
            return math.nan
        if self.failed_worse > self.failed_better:
            return math.inf
        if self.failed_better > self.failed_worse:
            return -math.inf
        return -mean(winsorise(self.values))

    def p_loss(self, *, last: bool) -> float:
        """The one-sided p-value of a loss.

        Args:
            last: whether no seed will be added.

        Returns:
            The p-value.
        """
        if self.n >= 2 and self.failed_worse == self.n:
            return 0.0  # all seeds failed where none had: no sample of them says more
        return _p_lower(self.values, last=last)

    def p_gain(self, *, last: bool) -> float:
        """The one-sided p-value of a gain.

        Args:
            last: whether no seed will be added.

        Returns:
            The p-value.
        """
        return _p_lower(-self.values, last=last)

    def p_safe(self, margin: float, *, last: bool) -> float:
        """The one-sided p-value against a loss of a margin: by sign flips and by a t-test.

        Where few seeds reach the smallest p-value of the flips, the t-tests alone say more.

        Args:
            margin: in metric units.
            last: whether no seed will be added.

        Returns:
            The larger of both; 1 where a raw mean or median loses the margin.
        """
        if self.n == 0 or not math.isfinite(margin) or self.failed_worse:
            return 1.0
        if not self.values.any():
            return 0.0  # equal in every seed
        if max(-mean(self.values), -median(self.values)) >= margin:
            return 1.0
        shifted = -(self.values + margin)
        return max(_p_lower(shifted, last=last), _t_lower(winsorise(shifted), 0.0))

    def interval(self, tail: float) -> tuple[float, float]:
        """The t interval of the mean, winsorised.

        Args:
            tail: the probability beyond each end.

        Returns:
            Both ends, oriented, in metric units; the whole line with fewer than two seeds, or with
            failed ones.
        """
        if self.n < 2 or self.failed_worse or self.failed_better:
            return -math.inf, math.inf
        clipped = winsorise(self.values)
        half = float(stdtrit(self.n - 1, 1.0 - tail)) * sd(clipped) / math.sqrt(self.n)
        return mean(clipped) - half, mean(clipped) + half


@dataclass(frozen=True, slots=True)
class Experiment:
    """The cells, and the levels at which they are judged.

    Attributes:
        values: the cells' values by seed, as recorded.
        names: the changes in order.
        sign: -1 where lower is better.
        look: the levels.
    """

    values: CellValues
    names: tuple[str, ...]
    sign: float
    look: FactorialLook

    def contrast(self, weights: Weights) -> Contrast:
        """A contrast of every seed.

        Args:
            weights: the weights of its cells.

        Returns:
            The contrast, oriented.
        """
        return Contrast.of(weights, self.values, self.sign)

    def difference(self, changed: CellKey, base: CellKey) -> Contrast:
        """One cell minus another.

        Args:
            changed: the cell with the change.
            base: the cell without.

        Returns:
            The contrast, oriented.
        """
        return self.contrast(Weights.difference(changed, base))

    def as_recorded(self, interval: tuple[float, float]) -> tuple[float, float]:
        """An oriented interval in the metric's own direction.

        Args:
            interval: both ends, oriented.

        Returns:
            Both ends, the lower one first.
        """
        low, high = interval
        return (low, high) if self.sign > 0.0 else (-high, -low)


def _p_lower(values: FloatArray, *, last: bool) -> float:
    """The p-value of a mean below 0 by sign flips, beyond their smallest one by a t-test.

    The t-test takes over as for live pairs, see `pair_tests`. Values are clipped at limits that
    depend on their sizes alone, so that every flip would have the same ones.
    """
    n = values.size
    if n < 2 or not values.any():
        return 1.0
    sizes = np.abs(values)
    beyond = _REACH * MAD_TO_SD * median(np.abs(sizes - median(sizes)))
    reach = median(sizes) + beyond if beyond > 0.0 else math.inf
    clipped = np.clip(values, -reach, reach)
    exact = sign_flip_test(clipped).less
    fewest = LEAST_PAIRS_AT_END if last else LEAST_PAIRS_TO_REJECT
    if n < fewest or exact > smallest_flip_p(n) * (1.0 + _ROUNDING):
        return exact
    return min(exact, _t_lower(clipped, _step(clipped) ** 2 / 12.0))


def _t_lower(values: FloatArray, blur: float) -> float:
    n = values.size
    if n < 2:
        return 1.0
    centre = mean(values)
    variance = (sd(values) ** 2 + blur) / n
    if variance > 0.0:
        return float(stdtr(n - 1, centre / math.sqrt(variance)))
    return 0.0 if centre < 0.0 else 1.0


def _step(values: FloatArray) -> float:
    """The smallest distance of two values, 0 included, that is more than rounding."""
    gaps = np.diff(np.sort(np.append(np.abs(values), 0.0)))
    gaps = gaps[gaps > _ROUNDING * float(np.abs(values).max())]
    return float(gaps.min()) if gaps.size else 0.0
