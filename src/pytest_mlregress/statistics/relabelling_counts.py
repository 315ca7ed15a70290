"""How many relabellings are beyond the observed one: a permutation test in single precision.

A p-value needs no statistic of a relabelling, only on which side of the observed one it is. Single
precision shows that of all but a few relabellings, whose statistics are computed in double
precision. The counts are those of `tail_probabilities`, in a tenth of the time.

With s the candidate's sum and D its variance, linear in its sum of squares, s |s| / D is compared
with the observed t, see `welch_order`. A relabelling is beyond it if s has the sign of t and h =
s^2 - |t| D is positive. If the relabellings are all pairs of one subset of the first positions and
one of the rest, h is a product of matrices with three columns, since (s + s')^2 = s^2 + 2 s s' +
s'^2; if they are draws, s and D are looked up in tables.
"""

from __future__ import annotations

from bisect import bisect_left
from functools import lru_cache
from math import comb
from typing import Final, NamedTuple, Protocol, TypeAlias

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

Positions: TypeAlias = NDArray[np.intp]
"""Of relabellings, the observed one first."""

#: Relative error of the comparison in single precision, with a margin of ten.
_SINGLE_ERROR: Final = 2e-6

#: Fewer relabellings take less time than the calls that compare them twice.
_WORTH_IT: Final = 30_000

#: Positions that share a table of the sums of all their subsets, which a processor's cache holds.
_POSITIONS: Final = 15

#: Draws that are compared at a time.
_CHUNK: Final = 50_000


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
    first = columns[:, :n_candidate].sum(axis=1, keepdims=True)
    observed = float(ordered_as_t(values, first[0], first[1], n_candidate)[0])
    scale, offset = variance_weights(columns[1], n_candidate)
    error = _error(columns, n_candidate, observed, abs(scale) * total + float(offset))
    beyond, near = relabelled.beyond(_Observed(observed, scale, float(offset)), error)
    less = greater = 1  # the observed labelling: most often no other one is near
    if near.size > 1:
        sums, squares = relabelled.sums(near)
        tails = tail_probabilities(ordered_as_t(values, sums, squares, n_candidate))
        less, greater = round(tails.less * near.size), round(tails.greater * near.size)
    others = relabelled.number - beyond - near.size
    below, above = (others, beyond) if observed >= 0.0 else (beyond, others)
    return Tails((below + less) / relabelled.number, (above + greater) / relabelled.number)


class _Observed(NamedTuple):
    """The observed statistic, and what makes of a candidate's sum of squares its variance."""

    statistic: float
    scale: float
    offset: float

    @property
    def sign(self) -> float:
        """That of the statistic."""
        return 1.0 if self.statistic >= 0.0 else -1.0


def _error(columns: FloatArray, n_candidate: int, observed: float, variance: float) -> float:
    """How far from 0 a comparison in single precision is certain, ties included.

    Args:
        columns: the values and their squares, shape (2, n).
        n_candidate: number of candidate seeds.
        observed: the observed statistic.
        variance: the largest that a relabelling may have.
    """
    # Of parts of a relabelling, too, which are added.
    largest_sum = float(np.sort(np.abs(columns[0]))[-n_candidate:].sum())
    size = largest_sum**2 + abs(observed) * variance
    return _SINGLE_ERROR * size + 2.0 * TIE_TOLERANCE * max(1.0, abs(observed)) * variance


class _Relabelled(Protocol):
    """The relabellings of two columns: values and their squares."""

    @property
    def number(self) -> int:
        """How many they are, the observed one among them."""

    def beyond(self, observed: _Observed, error: float) -> tuple[int, Positions]:
        """How many are beyond the observed one for certain, and which may be equal to it."""

    def sums(self, positions: Positions) -> FloatArray:
        """Both sums of some relabellings, in double precision: shape (2, positions)."""


def _relabelled(columns: FloatArray, chosen: int) -> _Relabelled | None:
    """None where double precision alone is as fast, or draws are not kept as indicators."""
    number = comb(columns.shape[1], chosen)
    if number <= MAX_RELABELLINGS:
        return _Enumerated(columns, chosen) if number >= _WORTH_IT else None
    return _Drawn(columns, chosen) if columns.shape[1] <= MOST_INDICATED else None


def _counted(of_sign: NDArray[np.bool_], h: Singles, error: float) -> tuple[int, Positions]:
    """How many values are above the error and have the sign, and which are within the error."""
    above, not_below = h > error, h >= -error
    near = np.flatnonzero(above != not_below)
    above &= of_sign
    return int(np.count_nonzero(above)), near


class _Enumerated:
    """All relabellings: a subset is one of the first half and one of the second."""

    def __init__(self, columns: FloatArray, chosen: int) -> None:
        half = columns.shape[1] // 2
        rest = columns.shape[1] - half
        self.number = comb(columns.shape[1], chosen)
        self._left = columns[:, :half] @ subsets(half, min(chosen, half))
        self._right = columns[:, half:] @ subsets(rest, min(chosen, rest))
        self._blocks = _blocks(half, rest, chosen)

    def beyond(self, observed: _Observed, error: float) -> tuple[int, Positions]:
        t = abs(observed.statistic)
        left, right = (
            np.empty((self._left.shape[1], 5), np.float32),
            np.empty((5, self._right.shape[1]), np.float32),
        )
        left[:, 0], left[:, 3] = 2.0 * self._left[0], observed.sign * self._left[0]
        left[:, 1] = self._left[0] ** 2 - t * (observed.offset + observed.scale * self._left[1])
        left[:, 2] = left[:, 4] = right[1] = right[3] = 1.0
        right[0], right[4] = self._right[0], observed.sign * self._right[0]
        right[2] = self._right[0] ** 2 - t * observed.scale * self._right[1]
        h, signed = np.empty((2, self.number), np.float32)
        for of_left, of_right, of_both in self._blocks:
            shape = of_left.stop - of_left.start, of_right.stop - of_right.start
            ones, others = left[of_left], right[:, of_right]
            np.matmul(ones[:, :3], others[:3], out=h[of_both].reshape(shape))
            np.matmul(ones[:, 3:], others[3:], out=signed[of_both].reshape(shape))
        return _counted(signed > 0.0, h, error)

    def sums(self, positions: Positions) -> FloatArray:
        found = np.empty((2, positions.size))
        ordered, done = positions.tolist(), 0
        for of_left, of_right, of_both in self._blocks:
            until = bisect_left(ordered, of_both.stop, done)
            if until > done:
                width = of_right.stop - of_right.start
                ones, others = np.divmod(positions[done:until] - of_both.start, width)
                found[:, done:until] = (
                    self._left[:, of_left.start + ones] + self._right[:, of_right.start + others]
                )
            done = until
        return found


@lru_cache(maxsize=64)
def _blocks(half: int, rest: int, chosen: int) -> tuple[tuple[slice, slice, slice], ...]:
    """Subsets of one size of the first half, those of the second, and where their pairs are."""
    blocks, start = [], 0
    # Descending, so that the observed labelling comes first.
    for size in range(min(chosen, half), max(0, chosen - rest) - 1, -1):
        left, right = of_size(half, size), of_size(rest, chosen - size)
        stop = start + (left.stop - left.start) * (right.stop - right.start)
        blocks.append((left, right, slice(start, stop)))
        start = stop
    return tuple(blocks)


class _Drawn:
    """Draws, as sums of tables: one for every few positions, by which of them are chosen."""

    number = MAX_RELABELLINGS + 1

    def __init__(self, columns: FloatArray, chosen: int) -> None:
        n = columns.shape[1]
        self._columns = columns
        self._indicators = drawn_relabellings(n, chosen)
        self._order, self._codes = _codes(n, chosen)

    def beyond(self, observed: _Observed, error: float) -> tuple[int, Positions]:
        tables = self._tables(observed)
        count, near = 0, []
        for start in range(0, self.number, _CHUNK):
            codes = [of_table[start : start + _CHUNK] for of_table in self._codes]
            sums = tables[0].take(codes[0])
            for table, of_table in zip(tables[1:], codes[1:], strict=True):
                sums += table.take(of_table)
            s = np.ascontiguousarray(sums.real)
            found, positions = _counted(s > 0.0, s * s + sums.imag, error)
            count += found
            near.append(self._order[start + positions])
        return count, np.concatenate(near)

    def _tables(self, observed: _Observed) -> list[NDArray[np.complex64]]:
        """The candidate's sum, with the sign of the observed one, + i (-|t| D)."""
        t = abs(observed.statistic)
        entries = observed.sign * self._columns[0] - 1j * (t * observed.scale) * self._columns[1]
        parts = np.array_split(entries, len(self._codes))
        first = -1j * t * observed.offset
        return [_sums_of_subsets(part, 0.0 if k else first) for k, part in enumerate(parts)]

    def sums(self, positions: Positions) -> FloatArray:
        return self._columns @ self._indicators[:, positions].astype(np.float64)


def _sums_of_subsets(entries: NDArray[np.complex128], empty: complex) -> NDArray[np.complex64]:
    """The sums of all subsets of n numbers, by the binary digits of a subset: shape (2**n,)."""
    sums = np.full(1 << entries.size, empty, np.complex128)
    for digit, entry in enumerate(entries):
        np.add(sums[: 1 << digit], entry, out=sums[1 << digit : 2 << digit])
    return sums.astype(np.complex64)


@lru_cache(maxsize=2)
def _codes(n: int, chosen: int) -> tuple[Positions, tuple[Positions, ...]]:
    """The draws in another order, and which of each few positions they choose.

    The observed labelling stays the first; the others are in the order of their first positions, so
    that the first table is read from front to back.

    Returns:
        Where each draw is among all, and by table the binary numbers of their positions: arrays of
        shape (R,).
    """
    parts = np.array_split(drawn_relabellings(n, chosen), -(-n // _POSITIONS))
    codes = [_binary_numbers(part) for part in parts]
    order = np.concatenate(([0], 1 + np.argsort(codes[0][1:], kind="stable")))
    return order, tuple(of_table[order].astype(np.intp) for of_table in codes)


def _binary_numbers(digits: NDArray[np.bool_]) -> NDArray[np.uint16]:
    """The numbers with these binary digits, the lowest first: a short type is sorted at once."""
    numbers = np.zeros(digits.shape[1], np.uint16)
    for place, digit in enumerate(digits):
        numbers |= digit.astype(np.uint16) << np.uint16(place)
    return numbers
