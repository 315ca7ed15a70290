"""Sums over the relabellings of two samples: all of them, or as many draws.

A relabelling chooses which of the pooled positions are the candidate's; the first one is observed.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import combinations
from math import ceil, comb
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pytest_mlregress.statistics.large_samples import LEAST_SIDE
from pytest_mlregress.statistics.samples import FloatArray

#: Up to this many relabellings all of them are enumerated; otherwise this many are drawn.
MAX_RELABELLINGS: Final = 200_000

#: Where more are drawn, so many of them are beyond an observed one whose p-value is the level.
BEYOND_AT_LEVEL: Final = 10

#: More draws than for this level would take too long.
SMALLEST_LEVEL: Final = 1e-7

DRAW_SEED: Final = 20_240_229
#: So small ones that they stay in a processor's cache.
SUM_BLOCKS: Final = 200

#: Up to this many seeds draws are kept as indicators of all; otherwise as positions of a few.
MOST_INDICATED: Final = 60


def draws_for(level: float) -> int:
    """How many relabellings a test at a level draws, if it cannot enumerate them.

    200,000 show no p-value below 5e-6. Where that is above the level, as in suites of more than
    about 10,000 comparisons, as many are drawn as leave 10 beyond an observed one whose p-value is
    the level. Of what an exact p-value shows at least 7 in 8 is then shown, whatever the data
    (Jockel 1986, Ann. Stat. 14, 336). `more_relabellings` draws them.

    Args:
        level: level of the test, known before its data.

    Returns:
        The number; that of level 1e-7 for smaller ones, which then cannot be reached.
    """
    if level * (MAX_RELABELLINGS + 1) * (1.0 + 1e-9) >= 1.0:
        return MAX_RELABELLINGS
    batches = BEYOND_AT_LEVEL / (max(level, SMALLEST_LEVEL) * MAX_RELABELLINGS)
    return MAX_RELABELLINGS * ceil(batches * (1.0 - 1e-9))


def smallest_attainable_p(
    n_baseline: int, n_candidate: int, draws: int = MAX_RELABELLINGS
) -> float:
    """The smallest one-sided p-value that a permutation test of these sizes can give.

    Args:
        n_baseline: number of baseline seeds.
        n_candidate: number of candidate seeds.
        draws: how many relabellings are drawn, see `draws_for`.

    Returns:
        The p-value.
    """
    relabellings = comb(n_baseline + n_candidate, n_candidate)
    return 1 / (relabellings if relabellings <= MAX_RELABELLINGS else min(relabellings, draws + 1))


def relabelled_sums(columns: FloatArray, chosen: int) -> FloatArray:
    """Sums of `columns` over relabellings of `chosen` of the n positions.

    Args:
        columns: shape (m, n).
        chosen: number of candidate seeds.

    Returns:
        Shape (m, R); the first relabelling is the observed one, the first `chosen` positions.
    """
    if comb(columns.shape[1], chosen) > MAX_RELABELLINGS:
        return _drawn_sums(columns, chosen)
    return _enumerated_sums(columns, chosen)


def _enumerated_sums(columns: FloatArray, chosen: int) -> FloatArray:
    """All relabellings, as outer sums: a subset is one of the first half and one of the second.

    That writes every sum once, instead of adding `chosen` numbers for each of them.
    """
    half = columns.shape[1] // 2
    rest = columns.shape[1] - half
    first = columns[:, :half] @ subsets(half, min(chosen, half))
    second = columns[:, half:] @ subsets(rest, min(chosen, rest))
    sums = np.empty((columns.shape[0], comb(columns.shape[1], chosen)))
    start = 0
    # Descending, so that the observed labelling comes first.
    for size in range(min(chosen, half), max(0, chosen - rest) - 1, -1):
        left = first[:, of_size(half, size)]
        right = second[:, of_size(rest, chosen - size)]
        stop = start + left.shape[1] * right.shape[1]
        block = sums[:, start:stop].reshape(columns.shape[0], left.shape[1], right.shape[1])
        np.add(left[:, :, None], right[:, None, :], out=block)
        start = stop
    return sums


@lru_cache(maxsize=64)
def subsets(n: int, largest: int) -> FloatArray:
    """Indicators of all subsets of n positions, up to a size, by size: shape (n, subsets)."""
    subsets = [s for size in range(largest + 1) for s in combinations(range(n), size)]
    indicators = np.zeros((n, len(subsets)))
    for column, subset in enumerate(subsets):
        indicators[list(subset), column] = 1.0
    return indicators


@lru_cache(maxsize=1024)
def of_size(n: int, size: int) -> slice:
    """Where the subsets of one size lie among the columns of `subsets(n, ...)`."""
    start = sum(comb(n, smaller) for smaller in range(size))
    return slice(start, start + comb(n, size))


def _drawn_sums(columns: FloatArray, chosen: int) -> FloatArray:
    """The observed labelling and 200,000 random ones, a block at a time to bound the memory."""
    n = columns.shape[1]
    if n > MOST_INDICATED:
        return _drawn_sums_of_few(columns, chosen)
    blocks = np.array_split(drawn_relabellings(n, chosen), SUM_BLOCKS, axis=1)
    return np.concatenate([columns @ block.astype(np.float64) for block in blocks], axis=1)


@lru_cache(maxsize=2)
def drawn_relabellings(n: int, chosen: int) -> NDArray[np.bool_]:
    """The observed labelling and 200,000 random ones: indicators, shape (n, 200,001)."""
    generator = np.random.default_rng([DRAW_SEED, n, chosen])
    indicators = np.zeros((n, MAX_RELABELLINGS + 1), dtype=np.bool_)
    indicators[:chosen, 0] = True
    for block in np.array_split(indicators[:, 1:], SUM_BLOCKS, axis=1):
        block[:] = smallest(generator.random((block.shape[1], n)), chosen).T
    return indicators


def smallest(keys: FloatArray, number: int) -> NDArray[np.bool_]:
    """Which are the smallest of each row: a third faster than by `argpartition`.

    Args:
        keys: shape (rows, n).
        number: how many of each row, among equal ones any.

    Returns:
        Shape (rows, n), with ``number`` true in each row.
    """
    found: NDArray[np.bool_] = keys <= np.partition(keys, number - 1, axis=1)[:, number - 1, None]
    if np.count_nonzero(found) > number * len(keys):  # equal ones: in 1e8 tables of draws one
        found[:] = False
        np.put_along_axis(found, np.argpartition(keys, number - 1, axis=1)[:, :number], True, 1)
    return found


def _drawn_sums_of_few(columns: FloatArray, chosen: int) -> FloatArray:
    """The same at a cost that depends on the smaller side, however many seeds the other one has."""
    n = columns.shape[1]
    few = min(chosen, n - chosen)
    positions_of = _kept_positions if few < LEAST_SIDE else drawn_positions
    sums = np.empty((columns.shape[0], MAX_RELABELLINGS + 1))
    sums[:, 0] = (columns[:, :few] if few == chosen else columns[:, chosen:]).sum(axis=1)
    blocks = np.array_split(sums[:, 1:], SUM_BLOCKS, axis=1)
    for number, block in enumerate(blocks):
        positions = positions_of(n, few, number)
        for column, of_block in zip(columns, block, strict=True):
            np.take(column, positions).sum(axis=0, out=of_block)
    return sums if few == chosen else columns.sum(axis=1, keepdims=True) - sums


def drawn_positions(n: int, few: int, block: int) -> NDArray[np.unsignedinteger]:
    """One block of random subsets of `few` of n positions.

    Each position is drawn from one more than the one before, and if it was drawn already the new
    one is taken instead, which makes all subsets equally likely (Floyd, in Bentley 1987, Commun.
    ACM 30, 754).

    Args:
        n: number of positions.
        few: how many of them are drawn.
        block: number of the block.

    Returns:
        Shape (few, 1,000).
    """
    generator = np.random.default_rng([DRAW_SEED, n, few, block])
    shape = few, MAX_RELABELLINGS // SUM_BLOCKS
    positions = np.empty(shape, dtype=np.uint16 if n <= 2**16 else np.uint32)
    draws = np.arange(shape[1])
    taken = np.zeros((n, shape[1]), dtype=np.bool_)
    for row, newest in enumerate(range(n - few, n)):
        drawn = generator.integers(newest + 1, size=shape[1], dtype=positions.dtype)
        positions[row] = np.where(taken[drawn, draws], newest, drawn)
        taken[positions[row], draws] = True
    return positions


_kept_positions = lru_cache(maxsize=2 * SUM_BLOCKS)(drawn_positions)
