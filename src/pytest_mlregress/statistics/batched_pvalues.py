"""The robust t-test, and what excludes a margin, for many data sets at once: for simulations.

The tests are those of `compare(..., test="robust-t")`, data set by data set, which the test suite
asserts; only the arithmetic is shared: the relabellings are columns of one matrix, and their sums
are products with it.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import combinations
from math import comb

import numpy as np
from numpy.typing import NDArray

from pytest_mlregress.statistics.samples import IQR_TO_SD, MAD_TO_SD, WINSOR_LIMIT, FloatArray
from pytest_mlregress.statistics.special_functions import stdtr
from pytest_mlregress.statistics.welch_order import TIE_TOLERANCE, ordered_as_t

# Statistics computed at a time: blocks that fit into a processor's cache are fastest.
_CELLS = 400_000


def harm_pvalues(
    baseline: FloatArray, candidate: FloatArray, *, max_relabellings: int, seed: int = 0
) -> FloatArray:
    """One-sided p-values for a lower candidate, shape (s,), of s finite data sets.

    Args:
        baseline: shape (s, n_b).
        candidate: shape (s, n_c).
        max_relabellings: up to this number all relabellings are enumerated; otherwise this number
            is drawn, the same for all data sets, and the observed one is counted with them.
        seed: seed of the draws.

    Returns:
        The p-values, shape (s,).
    """
    n_candidate = candidate.shape[1]
    chosen = _relabellings(baseline.shape[1], n_candidate, max_relabellings, seed)
    pooled = _scaled(_winsorised(np.concatenate((candidate, baseline), axis=1)))
    pvalues = np.empty(len(pooled))
    step = max(1, _CELLS // chosen.shape[1])
    for start in range(0, len(pooled), step):
        block = pooled[start : start + step]
        statistics = ordered_as_t(block, block @ chosen, block**2 @ chosen, n_candidate)
        observed = statistics[:, :1]
        tolerance = TIE_TOLERANCE * np.maximum(1.0, np.abs(observed))
        pvalues[start : start + step] = (
            np.count_nonzero(statistics <= observed + tolerance, axis=1) / chosen.shape[1]
        )
    return pvalues


def excludes_margin(
    baseline: FloatArray,
    candidate: FloatArray,
    margin: FloatArray,
    level: float,
    *,
    max_relabellings: int,
    seed: int = 0,
) -> NDArray[np.bool_]:
    """Whether each of s finite data sets excludes a loss of its margin, as `Safety.excludes`.

    The permutation test, which costs most, runs only if nothing else speaks against it.

    Args:
        baseline: shape (s, n_b), higher being better.
        candidate: shape (s, n_c).
        margin: shape (s,), in the units of the values.
        level: level of the safety test.
        max_relabellings: as in `harm_pvalues`.
        seed: seed of the draws.

    Returns:
        One truth value per data set, shape (s,).
    """
    loss = np.maximum(
        baseline.mean(axis=1) - candidate.mean(axis=1),
        np.median(baseline, axis=1) - np.median(candidate, axis=1),
    )
    candidate_plus_margin = candidate + margin[:, None]
    excluded = (loss < margin) | (loss <= 0.0)
    excluded &= _welch_pvalues(baseline, candidate_plus_margin) <= level
    open_ones = np.flatnonzero(excluded)
    if open_ones.size:
        # A higher candidate is a lower one of the mirrored values.
        excluded[open_ones] = (
            harm_pvalues(
                -baseline[open_ones],
                -candidate_plus_margin[open_ones],
                max_relabellings=max_relabellings,
                seed=seed,
            )
            <= level
        )
    return np.asarray(excluded, dtype=np.bool_)


def _welch_pvalues(baseline: FloatArray, candidate: FloatArray) -> FloatArray:
    """Welch's one-sided p-values for a higher candidate on values winsorised together."""
    n, m = candidate.shape[1], baseline.shape[1]
    clipped = _winsorised(np.concatenate((candidate, baseline), axis=1))
    now, before = clipped[:, :n], clipped[:, n:]
    parts = now.var(axis=1, ddof=1) / n, before.var(axis=1, ddof=1) / m
    total = parts[0] + parts[1]
    difference = now.mean(axis=1) - before.mean(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        df = total**2 / (parts[0] ** 2 / (n - 1) + parts[1] ** 2 / (m - 1))
        pvalues = stdtr(df, -difference / np.sqrt(total))
    return np.where(total > 0.0, pvalues, np.where(difference > 0.0, 0.0, 1.0))


@lru_cache(maxsize=4)
def _relabellings(n_baseline: int, n_candidate: int, most: int, seed: int) -> FloatArray:
    """Indicators of the candidates of each relabelling, the observed one first: shape (n, R)."""
    n = n_baseline + n_candidate
    if comb(n, n_candidate) <= most:
        members = np.array(list(combinations(range(n), n_candidate)))
    else:
        order = np.random.default_rng([seed, n, n_candidate]).random((most, n)).argsort(axis=1)
        members = np.concatenate((np.arange(n_candidate)[None, :], order[:, :n_candidate]))
    chosen = np.zeros((n, len(members)))
    chosen[members.T, np.arange(len(members))] = 1.0
    return chosen


def _winsorised(pooled: FloatArray) -> FloatArray:
    """Each data set, a row, clipped at its median +- 3 robust standard deviations."""
    median = np.median(pooled, axis=1, keepdims=True)
    spread = MAD_TO_SD * np.median(np.abs(pooled - median), axis=1, keepdims=True)
    lower, upper = np.percentile(pooled, (25, 75), axis=1)
    spread = np.where(spread > 0.0, spread, (upper - lower)[:, None] * IQR_TO_SD)
    reach = np.where(spread > 0.0, WINSOR_LIMIT * spread, np.inf)
    return np.clip(pooled, median - reach, median + reach)


def _scaled(values: FloatArray) -> FloatArray:
    """Each row centred and scaled to at most 1, so that sums of squares lose no digits."""
    centred = values - values.mean(axis=1, keepdims=True)
    largest = np.abs(centred).max(axis=1, keepdims=True)
    constant = largest <= 1e-14 * np.abs(values).max(axis=1, keepdims=True)
    return np.where(constant, 0.0, centred) / np.where(constant, 1.0, largest)
