"""P-values below what 200,000 relabellings show, by more of them where few are beyond.

How many relabellings a test draws is fixed by its level, before its data. They are drawn only where
the first 200,000 leave the decision open: if more than 20 of those are as extreme as the observed
one, the p-value of all of them is above any level that they are drawn for, and that of the first is
given, (1 + beyond) / (1 + 200,000). Otherwise it is (1 + beyond) / (1 + all).

Whichever of the two is given, P(p <= u) <= u for every u. Let h be the largest p-value of the first
draws with which more are drawn. Below h, p <= u requires the p-value of all draws to be that small,
and above it that of the first ones, each of which has that property (Phipson & Smyth 2010, Stat.
Appl. Genet. Mol. Biol. 9, 39). Ending early with many beyond is that of Besag & Clifford 1991,
Biometrika 78, 301.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import product
from math import comb
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from pytest_mlregress.statistics.large_samples import has_limit
from pytest_mlregress.statistics.permutation import scaled
from pytest_mlregress.statistics.relabellings import (
    DRAW_SEED,
    MAX_RELABELLINGS,
    MOST_INDICATED,
    SUM_BLOCKS,
    drawn_positions,
    of_size,
)
from pytest_mlregress.statistics.samples import FloatArray
from pytest_mlregress.statistics.tails import Tails
from pytest_mlregress.statistics.welch_order import ordered_as_t, tolerance_of

_OPEN: Final = 20
"""Of the first relabellings, the observed one counted: with more the decision is known."""

_POSITIONS: Final = 20
"""Positions that share a table of the sums of all their subsets."""


def with_more_relabellings(
    tails: Tails, baseline: FloatArray, candidate: FloatArray, draws: int
) -> Tails:
    """The p-values of Welch's t among more relabellings, where the first leave a decision open.

    Args:
        tails: from `welch_permutation_test`.
        baseline: shape (n_b,), as it was tested.
        candidate: shape (n_c,), likewise.
        draws: how many relabellings there are in all, a multiple of 200,000.

    Returns:
        The p-values; the given ones if those are exact, or decide already.
    """
    enumerated = comb(baseline.size + candidate.size, candidate.size) <= MAX_RELABELLINGS
    first = MAX_RELABELLINGS + 1
    open_tails = [p for p in (tails.less, tails.greater) if p * first <= _OPEN + 0.5]
    values = scaled(np.concatenate((candidate, baseline)))
    if enumerated or not open_tails or not values.any():
        return tails
    counted = not has_limit(values, candidate.size)  # of a limit nothing was drawn
    number = first if counted else 1
    less = round(tails.less * first) if counted else 1
    greater = round(tails.greater * first) if counted else 1
    more = _beyond(values.tobytes(), candidate.size, draws // MAX_RELABELLINGS, counted)
    less, greater = less + more.less, greater + more.greater
    return Tails(
        less / (number + more.drawn) if tails.less in open_tails else tails.less,
        greater / (number + more.drawn) if tails.greater in open_tails else tails.greater,
    )


class _Beyond(NamedTuple):
    """How many of the relabellings that were drawn are as extreme as the observed one."""

    less: int
    greater: int
    drawn: int


@lru_cache(maxsize=64)
def _beyond(pooled: bytes, n_candidate: int, batches: int, first_counted: bool) -> _Beyond:
    """Kept, since a later look asks for an earlier one again."""
    values = np.frombuffer(pooled)
    columns = np.array([values, values**2])
    sums, squares = columns[:, :n_candidate].sum(axis=1, keepdims=True)
    observed = float(ordered_as_t(values, sums, squares, n_candidate)[0])
    tolerance = float(tolerance_of(observed))
    more = _MoreRelabellings(columns, n_candidate)
    less = greater = drawn = 0
    for batch in range(1, batches + (0 if first_counted else 1)):
        sums, squares = more.sums(batch)
        statistics = ordered_as_t(values, sums, squares, n_candidate)
        less += int(np.count_nonzero(statistics <= observed + tolerance))
        greater += int(np.count_nonzero(statistics >= observed - tolerance))
        drawn += statistics.size
    return _Beyond(less, greater, drawn)


class _MoreRelabellings:
    """Random relabellings of two columns, 200,000 at a time.

    How many positions of each part of the positions are chosen is drawn first, then which: of a
    uniform subset the numbers are hypergeometric, and the positions of each part uniform given its
    number.
    """

    def __init__(self, columns: FloatArray, chosen: int) -> None:
        n = columns.shape[1]
        self._columns = columns
        self._few = min(chosen, n - chosen)
        self._of_candidate = self._few == chosen
        self._parts: list[FloatArray] = []
        if n <= MOST_INDICATED:
            self._parts = np.array_split(columns, -(-n // _POSITIONS), axis=1)
        self._tables = [_sums_of_subsets(part) for part in self._parts]

    def sums(self, batch: int) -> FloatArray:
        """The sums of the candidate's values and squares: shape (2, 200,000)."""
        sums = self._by_parts(batch) if self._parts else self._by_positions(batch)
        if self._of_candidate:
            return sums
        of_all: FloatArray = self._columns.sum(axis=1, keepdims=True)
        return of_all - sums

    def _by_parts(self, batch: int) -> FloatArray:
        sizes = tuple(part.shape[1] for part in self._parts)
        generator = np.random.default_rng([DRAW_SEED, sum(sizes), self._few, batch])
        numbers, shares = _numbers(sizes, self._few)
        sums = np.zeros((2, MAX_RELABELLINGS))
        stop = 0
        for of_parts, count in zip(
            numbers, generator.multinomial(MAX_RELABELLINGS, shares).tolist(), strict=True
        ):
            start, stop = stop, stop + count
            for size, table, number in zip(sizes, self._tables, of_parts, strict=True):
                subsets = of_size(size, number)
                which = generator.integers(subsets.start, subsets.stop, size=count)
                sums[:, start:stop] += table[:, which]
        return sums

    def _by_positions(self, batch: int) -> FloatArray:
        n = self._columns.shape[1]
        blocks = range(batch * SUM_BLOCKS, (batch + 1) * SUM_BLOCKS)
        return np.concatenate(
            [
                self._columns[:, drawn_positions(n, self._few, block)].sum(axis=1)
                for block in blocks
            ],
            axis=1,
        )


def _sums_of_subsets(columns: FloatArray) -> FloatArray:
    """The sums of two columns over all subsets of n positions, by size: shape (2, 2**n)."""
    sums = np.zeros((2, 1 << columns.shape[1]))
    for position, values in enumerate(columns.T):
        half = 1 << position
        sums[:, half : 2 * half] = sums[:, :half] + values[:, None]
    return sums[:, _by_size(columns.shape[1])]


@lru_cache(maxsize=4)
def _by_size(n: int) -> NDArray[np.intp]:
    """All subsets of n positions as binary numbers, by the number of positions: shape (2**n,)."""
    sizes = np.zeros(1, dtype=np.int8)
    for _ in range(n):
        sizes = np.concatenate((sizes, sizes + 1))
    return np.argsort(sizes, kind="stable")


@lru_cache(maxsize=64)
def _numbers(sizes: tuple[int, ...], chosen: int) -> tuple[list[tuple[int, ...]], list[float]]:
    """How many positions of each part a subset can have, and with which probability."""
    numbers = [
        of_parts
        for of_parts in product(*(range(min(size, chosen) + 1) for size in sizes))
        if sum(of_parts) == chosen
    ]
    total = comb(sum(sizes), chosen)
    shares = []
    for of_parts in numbers:
        ways = 1
        for size, number in zip(sizes, of_parts, strict=True):
            ways *= comb(size, number)
        shares.append(ways / total)
    return numbers, shares
