"""The permutation distribution of Welch's t: enumerated, drawn, or its limit for many seeds."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import combinations
from math import comb
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pytest_mlregress.statistics.large_samples import LEAST_SIDE, has_limit, welch_limit
from pytest_mlregress.statistics.samples import FloatArray, exponent_of
from pytest_mlregress.statistics.tails import Tails

#: Up to this many relabellings all of them are enumerated; otherwise this many are drawn.
MAX_RELABELLINGS: Final = 200_000

#: Relative difference below which two statistics are equal, computed in another order.
TIE_TOLERANCE: Final = 1e-9

#: Values of magnitude about 1 that differ by less are equal up to rounding.
ROUNDING: Final = 1e-14

#: Least squared standard error, of values scaled to at most 1, that is not rounding noise.
VARIANCE_FLOOR: Final = 1e-14

DRAW_SEED: Final = 20_240_229
DRAW_BLOCKS: Final = 20
#: Smaller ones, which stay in a processor's cache, for their sums.
SUM_BLOCKS: Final = 200

#: Up to this many seeds draws are kept as indicators of all; otherwise as positions of a few.
MOST_INDICATED: Final = 60


def smallest_attainable_p(n_baseline: int, n_candidate: int) -> float:
    """The smallest one-sided p-value that a permutation test of these sizes can give.

    Args:
        n_baseline: number of baseline seeds.
        n_candidate: number of candidate seeds.

    Returns:
        The p-value.
    """
    relabellings = comb(n_baseline + n_candidate, n_candidate)
    return 1 / (relabellings if relabellings <= MAX_RELABELLINGS else MAX_RELABELLINGS + 1)


def welch_permutation_test(
    samples: Sequence[tuple[FloatArray, FloatArray]],
) -> list[Tails]:
    """Permutation p-values of Welch's t for several (baseline, candidate) pairs of equal sizes.

    All C(n_b + n_c, n_c) relabellings are enumerated if they are at most 200,000; otherwise 200,000
    seeded draws are taken and the observed labelling is counted with them (the add-one rule:
    Phipson & Smyth 2010, Stat. Appl. Genet. Mol. Biol. 9, 39). With 50 seeds and more on each side
    the limit of the distribution is used, unless few seeds of very skewed values are compared with
    many (`has_limit`); its smallest p-value is that of draws.

    The studentised statistic keeps the level asymptotically under unequal variances too (Janssen
    1997, Stat. Probab. Lett. 36, 9-21). Pairs are taken together because the enumeration is shared.

    Args:
        samples: pairs of finite arrays, shapes (n_b,) and (n_c,), the same sizes in each pair.

    Returns:
        Both one-sided p-values of each pair.
    """
    n_candidate = samples[0][1].size
    scaled = [_scaled(np.concatenate((candidate, baseline))) for baseline, candidate in samples]
    if all(has_limit(values, n_candidate) for values in scaled):
        least = smallest_attainable_p(samples[0][0].size, n_candidate)
        return [welch_limit(values, n_candidate, least) for values in scaled]
    sums = relabelled_sums(np.array(scaled + [values**2 for values in scaled]), n_candidate)
    return [
        tail_probabilities(ordered_as_t(values, total, squares, n_candidate))
        for values, total, squares in zip(scaled, sums, sums[len(scaled) :], strict=False)
    ]


def tail_probabilities(statistics: FloatArray) -> Tails:
    """How much of the distribution is at least as extreme as its first, the observed, entry.

    Ties are counted with a tolerance, so that the p-value depends neither on the order of summation
    nor on the platform.

    Args:
        statistics: the statistic of each relabelling, shape (R,), the observed one first.

    Returns:
        Both one-sided p-values.
    """
    observed = float(statistics[0])
    tolerance = float(_tolerance(observed))
    return Tails(
        less=int(np.count_nonzero(statistics <= observed + tolerance)) / statistics.size,
        greater=int(np.count_nonzero(statistics >= observed - tolerance)) / statistics.size,
    )


def relabelled_pvalues(baseline: FloatArray, candidate: FloatArray, most: float) -> FloatArray:
    """The p-value for a lower candidate that each relabelling would have had: shape (R,).

    The relabellings are the same, in the same order, for all samples of the same sizes.

    Args:
        baseline: shape (n_b,), finite.
        candidate: shape (n_c,), finite.
        most: p-values above it are returned as infinite, since only the others have to be sorted.

    Returns:
        Shape (R,); the first is the observed one, that of `welch_permutation_test` if it enumerates
        or draws.
    """
    values = _scaled(np.concatenate((candidate, baseline)))
    sums, squares = relabelled_sums(np.array([values, values**2]), candidate.size)
    statistics = ordered_as_t(values, sums, squares, candidate.size)
    beyond = min(int(most * statistics.size), statistics.size - 1)
    limit = float(np.partition(statistics, beyond)[beyond])
    low = np.flatnonzero(statistics <= limit + _tolerance(limit))
    ascending = np.sort(statistics[low])
    reached = statistics[low] + _tolerance(statistics[low])
    shares = np.searchsorted(ascending, reached, side="right") / statistics.size
    pvalues = np.full(statistics.size, np.inf)
    pvalues[low] = np.where(shares <= most, shares, np.inf)
    return pvalues


def _tolerance(statistics: FloatArray | float) -> FloatArray:
    return np.asarray(TIE_TOLERANCE * np.maximum(1.0, np.abs(statistics)))


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
    first = columns[:, :half] @ _subsets(half, min(chosen, half))
    second = columns[:, half:] @ _subsets(rest, min(chosen, rest))
    sums = np.empty((columns.shape[0], comb(columns.shape[1], chosen)))
    start = 0
    # Descending, so that the observed labelling comes first.
    for size in range(min(chosen, half), max(0, chosen - rest) - 1, -1):
        left = first[:, _of_size(half, size)]
        right = second[:, _of_size(rest, chosen - size)]
        stop = start + left.shape[1] * right.shape[1]
        block = sums[:, start:stop].reshape(columns.shape[0], left.shape[1], right.shape[1])
        np.add(left[:, :, None], right[:, None, :], out=block)
        start = stop
    return sums


@lru_cache(maxsize=64)
def _subsets(n: int, largest: int) -> FloatArray:
    """Indicators of all subsets of n positions, up to a size, by size: shape (n, subsets)."""
    subsets = [s for size in range(largest + 1) for s in combinations(range(n), size)]
    indicators = np.zeros((n, len(subsets)))
    for column, subset in enumerate(subsets):
        indicators[list(subset), column] = 1.0
    return indicators


@lru_cache(maxsize=1024)
def _of_size(n: int, size: int) -> slice:
    """Where the subsets of one size lie among the columns of `_subsets(n, ...)`."""
    start = sum(comb(n, smaller) for smaller in range(size))
    return slice(start, start + comb(n, size))


def _drawn_sums(columns: FloatArray, chosen: int) -> FloatArray:
    """The observed labelling and 200,000 random ones, a block at a time to bound the memory."""
    n = columns.shape[1]
    if n > MOST_INDICATED:
        return _drawn_sums_of_few(columns, chosen)
    blocks = np.array_split(_drawn_relabellings(n, chosen), SUM_BLOCKS, axis=1)
    return np.concatenate([columns @ block.astype(np.float64) for block in blocks], axis=1)


@lru_cache(maxsize=2)
def _drawn_relabellings(n: int, chosen: int) -> NDArray[np.bool_]:
    """The observed labelling and 200,000 random ones: indicators, shape (n, 200,001)."""
    generator = np.random.default_rng([DRAW_SEED, n, chosen])
    indicators = np.zeros((n, MAX_RELABELLINGS + 1), dtype=np.bool_)
    indicators[:chosen, 0] = True
    for draws in np.array_split(np.arange(1, MAX_RELABELLINGS + 1), DRAW_BLOCKS):
        order = np.argpartition(generator.random((draws.size, n)), chosen - 1, axis=1)
        indicators[order[:, :chosen], draws[:, None]] = True
    return indicators


def _drawn_sums_of_few(columns: FloatArray, chosen: int) -> FloatArray:
    """The same at a cost that depends on the smaller side, however many seeds the other one has."""
    n = columns.shape[1]
    few = min(chosen, n - chosen)
    positions_of = _kept_positions if few < LEAST_SIDE else _drawn_positions
    sums = np.empty((columns.shape[0], MAX_RELABELLINGS + 1))
    sums[:, 0] = (columns[:, :few] if few == chosen else columns[:, chosen:]).sum(axis=1)
    blocks = np.array_split(sums[:, 1:], SUM_BLOCKS, axis=1)
    for number, block in enumerate(blocks):
        positions = positions_of(n, few, number)
        for column, of_block in zip(columns, block, strict=True):
            np.take(column, positions).sum(axis=0, out=of_block)
    return sums if few == chosen else columns.sum(axis=1, keepdims=True) - sums


def _drawn_positions(n: int, few: int, block: int) -> NDArray[np.unsignedinteger]:
    """One block of random subsets of `few` of n positions: shape (few, 1,000).

    Each position is drawn from one more than the one before, and if it was drawn already the new
    one is taken instead, which makes all subsets equally likely (Floyd, in Bentley 1987, Commun.
    ACM 30, 754).
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


_kept_positions = lru_cache(maxsize=2 * SUM_BLOCKS)(_drawn_positions)


def _scaled(values: FloatArray) -> FloatArray:
    """The values, centred and scaled to at most 1, so that sums of squares lose no digits."""
    scaled = np.ldexp(values, -exponent_of(values))
    scaled -= scaled.mean()
    largest = np.abs(scaled).max()
    # Values that differ by rounding only are equal.
    return scaled / largest if largest > ROUNDING else np.zeros_like(scaled)


def ordered_as_t(
    values: FloatArray, sums: FloatArray, squares: FloatArray, n_candidate: int
) -> FloatArray:
    """A statistic of each relabelling that orders them as Welch's t does.

    `values` are centred, so with s the candidate's sum and q its sum of squares the baseline's are
    -s and Q - q. With weights w = 1 / (n (n - 1)) the squared standard error is D - b s^2, where D
    = w_c q + w_b (Q - q) and b is constant; t^2 = g s^2 / (D - b s^2) increases with s^2 / D, which
    never subtracts nearly equal numbers. With a single seed on a side Welch's variance does not
    exist and the pooled one is used, for which D is constant.

    Args:
        values: centred, shape (..., n): one data set, or many at once.
        sums: the candidate's sums, shape (..., R).
        squares: its sums of squares, shape (..., R); overwritten.
        n_candidate: number of candidate seeds.

    Returns:
        Shape (..., R).
    """
    k, m = n_candidate, values.shape[-1] - n_candidate
    if min(k, m) > 1:
        candidate_weight, baseline_weight = 1 / (k * (k - 1)), 1 / (m * (m - 1))
    else:
        candidate_weight = baseline_weight = 1.0
    squares *= candidate_weight - baseline_weight
    squares += baseline_weight * (values * values).sum(axis=-1, keepdims=True)
    # Of a constant sample both s and D are 0.
    np.maximum(squares, VARIANCE_FLOOR, out=squares)
    ordered = np.abs(sums)
    ordered *= sums
    ordered /= squares
    return ordered
