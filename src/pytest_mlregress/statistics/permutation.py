"""The permutation distribution of Welch's t: enumerated, drawn, or its limit for many seeds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np

from pytest_mlregress.statistics.large_samples import has_limit, welch_limit
from pytest_mlregress.statistics.relabelling_counts import permutation_tails
from pytest_mlregress.statistics.relabellings import relabelled_sums, smallest_attainable_p
from pytest_mlregress.statistics.samples import FloatArray, exponent_of
from pytest_mlregress.statistics.tails import Tails
from pytest_mlregress.statistics.welch_order import ordered_as_t, tolerance_of

#: Values of magnitude about 1 that differ by less are equal up to rounding.
ROUNDING: Final = 1e-14


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
    1997, Stat. Probab. Lett. 36, 9-21).

    Args:
        samples: pairs of finite arrays, shapes (n_b,) and (n_c,), the same sizes in each pair.

    Returns:
        Both one-sided p-values of each pair.
    """
    n_candidate = samples[0][1].size
    pooled = [scaled(np.concatenate((candidate, baseline))) for baseline, candidate in samples]
    if all(has_limit(values, n_candidate) for values in pooled):
        least = smallest_attainable_p(samples[0][0].size, n_candidate)
        return [welch_limit(values, n_candidate, least) for values in pooled]
    return [permutation_tails(values, n_candidate) for values in pooled]


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
    values = scaled(np.concatenate((candidate, baseline)))
    sums, squares = relabelled_sums(np.array([values, values**2]), candidate.size)
    statistics = ordered_as_t(values, sums, squares, candidate.size)
    beyond = min(int(most * statistics.size), statistics.size - 1)
    limit = float(np.partition(statistics, beyond)[beyond])
    low = np.flatnonzero(statistics <= limit + tolerance_of(limit))
    ascending = np.sort(statistics[low])
    reached = statistics[low] + tolerance_of(statistics[low])
    shares = np.searchsorted(ascending, reached, side="right") / statistics.size
    pvalues = np.full(statistics.size, np.inf)
    pvalues[low] = np.where(shares <= most, shares, np.inf)
    return pvalues


def scaled(values: FloatArray) -> FloatArray:
    """The values, centred and scaled to at most 1, so that sums of squares lose no digits.

    Args:
        values: shape (n,), finite.

    Returns:
        Shape (n,); zeros if the values differ by rounding only.
    """
    found = np.ldexp(values, -exponent_of(values))
    found -= found.mean()
    largest = np.abs(found).max()
    return found / largest if largest > ROUNDING else np.zeros_like(found)
