"""Many comparisons in one run: the level of each, and which reds are most reliable."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import ArrayLike

from pytest_mlregress.statistics.large_samples import LEAST_SIDE
from pytest_mlregress.statistics.permutation import relabelled_pvalues
from pytest_mlregress.statistics.samples import FloatArray, as_sample, winsorised_pair

# Two ratios of p-value and level that differ by less are equal, computed in another order.
_ROUNDING: Final = 1e-9


def comparison_alpha(alpha: float, n_comparisons: int) -> float:
    """The level of one comparison, so that a whole suite has false reds in `alpha` of its runs.

    Bonferroni's alpha / M.

    Args:
        alpha: level of the suite.
        n_comparisons: M, the comparisons in all baselines of the suite, not only those of this run:
            a verdict must not depend on what else ran.

    Returns:
        The level.

    Raises:
        ValueError: a level outside (0, 1) or fewer than one comparison.
    """
    if not 0 < alpha < 1:
        raise ValueError(f"alpha={alpha!r} is not a probability; allowed is 0 < alpha < 1")
    if n_comparisons < 1:
        raise ValueError(f"n_comparisons={n_comparisons!r}; allowed is at least 1")
    return alpha / n_comparisons


def min_p_levels(
    baselines: FloatArray, candidates: FloatArray, levels: Sequence[float]
) -> tuple[float, ...]:
    """The joint levels of the robust t-tests of m metrics of one training.

    Under `levels` the m tests show a false harm with probability at most sum(levels), but less if
    metrics are correlated. The answer is `levels` times the largest factor f >= 1 that keeps the
    sum: one relabelling of the seeds serves all metrics, and the smallest p-value, in units of its
    level, is at most f in a share sum(levels) of the relabellings (the first step of the step-down
    min-p procedure: Westfall and Young 1993, Resampling-Based Multiple Testing, 2.3-2.6). No level
    becomes larger than the sum.

    That holds exactly if no metric changed. If some did, the others alone could have the same sum
    with a factor no less, since their smallest p-value is never below that of all metrics, and what
    relabelling does to some metrics does not depend on the rest (subset pivotality).

    Args:
        baselines: shape (m, n_b), finite, higher being better, a column the metrics of one seed.
        candidates: shape (m, n_c), likewise.
        levels: m levels above 0, those of Bonferroni.

    Returns:
        m levels; those of Bonferroni if both sides have `LEAST_SIDE` seeds, where no relabelling is
        drawn.

    Raises:
        ValueError: shapes that do not fit together.
    """
    shares = np.asarray(levels, dtype=np.float64)
    if baselines.shape[0] != shares.size or candidates.shape[0] != shares.size:
        raise ValueError(
            f"{shares.size} levels for {baselines.shape[0]} baselines and "
            f"{candidates.shape[0]} candidates; allowed is one row of each per level"
        )
    if min(baselines.shape[1], candidates.shape[1]) >= LEAST_SIDE:
        return tuple(shares.tolist())
    most = float(shares.sum()) * (1.0 + _ROUNDING)
    smallest: FloatArray = np.array(np.inf)
    for baseline, candidate, level in zip(baselines, candidates, shares, strict=True):
        pvalues = relabelled_pvalues(*winsorised_pair(baseline, candidate), most)
        smallest = np.minimum(smallest, pvalues / level)
    return tuple(np.minimum(_largest_kept(smallest, most) * shares, most).tolist())


def _largest_kept(ratios: FloatArray, share: float) -> float:
    """The largest of the ratios, shape (R,), that at most that share of them reach; at least 1."""
    ascending = np.sort(ratios)
    kept = int(share * ratios.size)
    if kept >= ratios.size:
        return max(float(ascending[-1]), 1.0)
    # Ratios that tie with the first one beyond the share would exceed it together.
    below = int(np.searchsorted(ascending, ascending[kept] * (1.0 - _ROUNDING)))
    if below == 0:
        return 1.0
    # A p-value that is attained stays at or below the level, however it was rounded.
    return max(float(ascending[below - 1]) * (1.0 + _ROUNDING), 1.0)


def q_values(pvalues: ArrayLike) -> tuple[float, ...]:
    """Benjamini-Hochberg adjusted p-values (1995, J. R. Stat. Soc. B 57, 289).

    Calling red everything with q <= 0.1 keeps the expected share of false reds among the reds at 10
    %.

    Args:
        pvalues: shape (m,), m >= 0.

    Returns:
        m q-values, in the order given.

    Raises:
        ValueError: a value outside [0, 1] or NaN.
    """
    if np.size(pvalues) == 0:
        return ()
    p = as_sample(pvalues, "pvalues")
    if not ((p >= 0) & (p <= 1)).all():
        raise ValueError(f"pvalues must lie in [0, 1]; got {p.tolist()!r}")
    descending = np.argsort(-p, kind="stable")
    ranks = np.arange(p.size, 0, -1)
    q = np.empty(p.size)
    q[descending] = np.minimum.accumulate(p[descending] * p.size / ranks)
    return tuple(np.minimum(q, 1.0).tolist())
