"""The values of a noisy search: oriented, finite, and no single one of them decisive."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pytest_mlregress.statistics.samples import FloatArray, as_sample, median, worst_end

IntArray = NDArray[np.intp]

#: A state with this many seeds has a level of its own, from which its outliers are told.
_SEEDS_OF_A_LEVEL: Final = 3

# How far a value may lie from the levels that other seeds confirm, in standard deviations.
_REACH: Final = 3.0

# Fewer degrees of freedom estimate no spread that could tell an outlier.
_LEAST_DF: Final = 3

# Makes the median distance of two values of a normal sample estimate its standard deviation.
_DISTANCE_TO_SD: Final = 1.0483

# Two values that differ by less, relative to the largest, are one step of no metric.
_NO_STEP: Final = 1e-12


@dataclass(frozen=True, slots=True, eq=False)
class SearchValues:
    """The observations of a search, sorted by state and seed, in units that the model works in.

    Attributes:
        states: shape (n,), the state of each observation.
        seeds: shape (n,), its seed as a position in `labels`.
        values: shape (n,), finite, centred and scaled to about 1.
        labels: the distinct seeds.
        centre: what was subtracted, in metric units.
        scale: what the values were divided by, in metric units.
        step_variance: the variance that the metric's resolution adds to a value, in scaled units.
        doubted: states with too few seeds for a level of their own, all of them far from the levels
            of the others and clipped.
    """

    states: IntArray
    seeds: IntArray
    values: FloatArray
    labels: tuple[int, ...]
    centre: float
    scale: float
    step_variance: float
    doubted: tuple[int, ...]

    @property
    def n(self) -> int:
        """The number of observations."""
        return int(self.values.size)

    def without(self, position: int) -> SearchValues:
        """The same without one observation.

        Args:
            position: index of the observation.

        Returns:
            The others, in the same units.
        """
        kept = np.arange(self.n) != position
        return replace(
            self, states=self.states[kept], seeds=self.seeds[kept], values=self.values[kept]
        )

    def with_value(self, state: int, seed: int, value: float) -> SearchValues:
        """The same with another observation.

        Args:
            state: its state.
            seed: its seed.
            value: in scaled units.

        Returns:
            All of them.
        """
        labels = self.labels if seed in self.labels else (*self.labels, seed)
        return replace(
            self,
            states=np.append(self.states, state),
            seeds=np.append(self.seeds, labels.index(seed)),
            values=np.append(self.values, value),
            labels=labels,
        )


def search_values(
    observations: Mapping[int, Mapping[int, float]], margin: float | None = None
) -> SearchValues:
    """Order, winsorise and scale the observations.

    A value that is not finite is put one range below the lowest finite one. Then each value is
    clipped at three robust standard deviations around the median of its state if that has three
    seeds, or around the range of such medians of other states. The standard deviation is the median
    distance of two seeds of one state (Shamos 1976), so that no level of a state enters it.

    Args:
        observations: for each state and seed a value, higher being better; at least one.
        margin: the smallest loss that matters, in the same units: the scale of values that are all
            equal.

    Returns:
        The values.
    """
    cells = sorted(
        (state, seed, value) for state, of in observations.items() for seed, value in of.items()
    )
    states = np.array([state for state, _, _ in cells], dtype=np.intp)
    distinct, seeds = np.unique([seed for _, seed, _ in cells], return_inverse=True)
    raw = worst_end(as_sample([value for _, _, value in cells], "observations"))
    finite = _finite(raw)
    centre = median(finite)
    scale = float(np.abs(finite - centre).max()) or margin or 1.0
    scaled = (finite - centre) / scale
    values = _winsorised(scaled, states)
    return SearchValues(
        states,
        seeds.astype(np.intp),
        values,
        tuple(int(seed) for seed in distinct),
        centre,
        scale,
        _step_variance(scaled),
        tuple(
            int(state)
            for state, n in zip(*np.unique(states, return_counts=True), strict=True)
            if n < _SEEDS_OF_A_LEVEL and (values != scaled)[states == state].all()
        ),
    )


def _finite(values: FloatArray) -> FloatArray:
    """The values with those that failed one range below the lowest of the others."""
    known = values[np.isfinite(values)]
    if known.size == 0:
        return np.zeros_like(values)
    below = float(np.ptp(known)) or abs(float(known[0])) or 1.0
    return np.where(np.isfinite(values), values, float(known.min()) - below)


def _winsorised(values: FloatArray, states: IntArray) -> FloatArray:
    spread = _within_states(values, states)
    if spread is None:
        return values
    levels = {
        int(state): float(np.median(values[states == state]))
        for state in np.unique(states)
        if np.count_nonzero(states == state) >= _SEEDS_OF_A_LEVEL
    }
    if len(levels) < 2:
        return values
    reach = _REACH * spread
    clipped = values.copy()
    for state in np.unique(states):
        here = states == state
        of = [levels[int(state)]] if int(state) in levels else list(levels.values())
        clipped[here] = np.clip(values[here], min(of) - reach, max(of) + reach)
    return clipped


def _within_states(values: FloatArray, states: IntArray) -> float | None:
    """The robust standard deviation of seeds within a state; None with too few, or if it is 0."""
    if values.size - np.unique(states).size < _LEAST_DF:
        return None
    first, second = np.triu_indices(values.size, 1)
    same = states[first] == states[second]
    spread = _DISTANCE_TO_SD * float(np.median(np.abs(values[first] - values[second])[same]))
    return spread if spread > 0.0 else None


def _step_variance(values: FloatArray) -> float:
    """The variance of a rounding to the smallest step that was seen; 1 if all values are equal.

    Equal values have no spread to measure an effect by: with 1 they count as seeds that happen to
    agree.
    """
    gaps = np.diff(np.sort(values))
    gaps = gaps[gaps > _NO_STEP]
    return float(gaps.min()) ** 2 / 12.0 if gaps.size else 1.0
