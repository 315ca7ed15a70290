"""How many relabellings are beyond the observed one: a permutation test in single precision.

A p-value needs no statistic of a relabelling, only on which side of the observed one it is. Single
precision shows that of all but a few relabellings, whose statistics are computed in double
precision. The counts are those of `tail_probabilities`, in a fifth of the time.
"""

from __future__ import annotations

from functools import lru_cache
from math import comb
from typing import Final, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pytest_mlregress.statistics.relabellings import (
    MAX_RELABELLINGS,
    MOST_INDICATED,
    drawn_relabellings,
    of_size,
    relabelled_sums,
    subsets,
)
from pytest_mlregress.statistics.samples import FloatArray
from pytest_mlregress.statistics.tails import Tails
from pytest_mlregress.statistics.welch_order import (
    TIE_TOLERANCE,
    ordered_as_t,
    tail_probabilities,
    variance_weights,
)

Singles: TypeAlias = NDArray[np.float32]
"""Values in single precision."""

#: Relative error of the comparison in single precision, with a margin of ten.
_SINGLE_ERROR: Final = 2e-6

#: Fewer relabellings take less time than the calls that compare them twice.
_WORTH_IT: Final = 30_000

#: Positions that share a table of the sums of all their subsets, which a processor's cache holds.
_POSITIONS: Final = 10


def permutation_tails(values: FloatArray, n_candidate: int) -> Tails:
    """Both one-sided p-values of Welch's t among all relabellings, or 200,000 of them.

    Args:
        values: the candidate's and then the baseline's, centred and scaled to at most 1: shape
            (n,).
        n_candidate: number of candidate seeds.

    Returns:
        The p-values.
    """
    columns = np.array([values, values**2])
    total = float(columns[1].sum())
    relabelled = _relabelled(columns, n_candidate) if total > 0.0 else None
    if relabelled is None:
        sums, squares = relabelled_sums(columns, n_candidate)
        return tail_probabilities(ordered_as_t(values, sums, squares, n_candidate))
    scale, offset = variance_weights(columns[1], n_candidate)
    first = columns[:, :n_candidate].sum(axis=1, keepdims=True)
    observed = float(ordered_as_t(values, first[0], first[1], n_candidate)[0])
    beyond, limits = relabelled.singles(observed * scale, observed * float(offset))
    beyond *= np.abs(beyond)
    beyond -= limits  # of the sign of the statistic less the observed one
    error = _error(columns, n_candidate, observed, abs(scale) * total + float(offset))
    below, above = beyond < -error, beyond > error
    near = np.flatnonzero(~(below | above))  # the observed labelling is the first of them
    sums, squares = relabelled.sums(near)
    tails = tail_probabilities(ordered_as_t(values, sums, squares, n_candidate))
    return Tails(
        less=(int(np.count_nonzero(below)) + round(tails.less * near.size)) / beyond.size,
        greater=(int(np.count_nonzero(above)) + round(tails.greater * near.size)) / beyond.size,
    )


def _error(columns: FloatArray, n_candidate: int, observed: float, variance: float) -> float:
    """How far from 0 a comparison in single precision is certain, ties included.

    Args:
        columns: the values and their squares, shape (2, n).
        n_candidate: number of candidate seeds.
        observed: the observed statistic.
        variance: the largest that a relabelling may have.
    """
    few = min(n_candidate, columns.shape[1] - n_candidate)
    largest_sum = float(np.sort(np.abs(columns[0]))[-few:].sum())
    size = largest_sum**2 + abs(observed) * variance
    return _SINGLE_ERROR * size + 2.0 * TIE_TOLERANCE * max(1.0, abs(observed)) * variance


class _Relabelled(Protocol):
    """The relabellings of two columns: values and their squares."""

    def singles(self, scale: float, offset: float) -> tuple[Singles, Singles]:
        """The sums of values, and those of squares times a scale plus an offset: shapes (R,)."""

    def sums(self, positions: NDArray[np.intp]) -> FloatArray:
        """Both sums of some relabellings, in double precision: shape (2, positions)."""


def _relabelled(columns: FloatArray, chosen: int) -> _Relabelled | None:
    """None where double precision alone is as fast, or draws are not kept as indicators."""
    number = comb(columns.shape[1], chosen)
    if number <= MAX_RELABELLINGS:
        return _Enumerated(columns, chosen) if number >= _WORTH_IT else None
    return _Drawn(columns, chosen) if columns.shape[1] <= MOST_INDICATED else None


class _Enumerated:
    """All relabellings: a subset is one of the first half and one of the second."""

    def __init__(self, columns: FloatArray, chosen: int) -> None:
        half = columns.shape[1] // 2
        rest = columns.shape[1] - half
        self._size = comb(columns.shape[1], chosen)
        self._left = columns[:, :half] @ subsets(half, min(chosen, half))
        self._right = columns[:, half:] @ subsets(rest, min(chosen, rest))
        self._blocks = [
            (of_size(half, size), of_size(rest, chosen - size))
            # Descending, so that the observed labelling comes first.
            for size in range(min(chosen, half), max(0, chosen - rest) - 1, -1)
        ]

    def singles(self, scale: float, offset: float) -> tuple[Singles, Singles]:
        left, right = self._left.astype(np.float32), self._right.astype(np.float32)
        left[1] = scale * self._left[1] + offset
        right[1] = scale * self._right[1]
        sums = np.empty((2, self._size), np.float32)
        start = 0
        for of_left, of_right in self._blocks:
            ones, others = left[:, of_left], right[:, of_right]
            stop = start + ones.shape[1] * others.shape[1]
            block = sums[:, start:stop].reshape(2, ones.shape[1], others.shape[1])
            np.add(ones[:, :, None], others[:, None, :], out=block)
            start = stop
        return sums[0], sums[1]

    def sums(self, positions: NDArray[np.intp]) -> FloatArray:
        found = np.empty((2, positions.size))
        start = done = 0
        for of_left, of_right in self._blocks:
            width = of_right.stop - of_right.start
            stop = start + (of_left.stop - of_left.start) * width
            until = int(np.searchsorted(positions, stop))
            ones, others = np.divmod(positions[done:until] - start, width)
            found[:, done:until] = (
                self._left[:, of_left.start + ones] + self._right[:, of_right.start + others]
            )
            start, done = stop, until
        return found


class _Drawn:
    """Draws, as sums of tables: one for every few positions, by which of them are chosen."""

    def __init__(self, columns: FloatArray, chosen: int) -> None:
        n = columns.shape[1]
        self._columns = columns
        self._indicators = drawn_relabellings(n, chosen)
        self._codes = _codes(n, chosen)
        parts = np.split(columns, range(_POSITIONS, n, _POSITIONS), axis=1)
        self._tables = [part @ _binary(part.shape[1]) for part in parts]

    def singles(self, scale: float, offset: float) -> tuple[Singles, Singles]:
        sums = np.empty((2, self._codes[0].size), np.float32)
        for number, (table, codes) in enumerate(zip(self._tables, self._codes, strict=True)):
            values = table[0].astype(np.float32)
            squares = (scale * table[1] + (0.0 if number else offset)).astype(np.float32)
            for total, entries in zip(sums, (values, squares), strict=True):
                if number:
                    total += entries.take(codes)
                else:
                    entries.take(codes, out=total, mode="clip")  # which writes to it at once
        return sums[0], sums[1]

    def sums(self, positions: NDArray[np.intp]) -> FloatArray:
        return self._columns @ self._indicators[:, positions].astype(np.float64)


@lru_cache(maxsize=2)
def _codes(n: int, chosen: int) -> tuple[NDArray[np.intp], ...]:
    """Which of each few positions the draws choose, as a binary number: arrays of shape (R,)."""
    parts = np.split(drawn_relabellings(n, chosen), range(_POSITIONS, n, _POSITIONS))
    return tuple((1 << np.arange(len(part))) @ part for part in parts)


@lru_cache(maxsize=_POSITIONS)
def _binary(n: int) -> FloatArray:
    """The digits of all numbers below 2**n, the lowest first: shape (n, 2**n)."""
    return (np.arange(2**n) >> np.arange(n)[:, None] & 1).astype(np.float64)
