"""Many comparisons in one run: the level each gets, and which reds to believe first."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from pytest_mlregress.statistics.samples import as_sample


def comparison_alpha(alpha: float, n_comparisons: int) -> float:
    """The level of one comparison, so that a whole suite has false reds in `alpha` of its runs.

    Bonferroni's alpha / M, with M the comparisons in all baselines of the suite, not those that
    run today: a verdict must not depend on what else ran. Raises ValueError for a level outside
    (0, 1) or fewer than one comparison.
    """
    if not 0 < alpha < 1:
        raise ValueError(f"alpha={alpha!r} is not a probability; allowed is 0 < alpha < 1")
    if n_comparisons < 1:
        raise ValueError(f"n_comparisons={n_comparisons!r}; allowed is at least 1")
    return alpha / n_comparisons


def q_values(pvalues: ArrayLike) -> tuple[float, ...]:
    """Benjamini-Hochberg adjusted p-values, in the order given (1995, J. R. Stat. Soc. B 57, 289).

    Calling red everything with q <= 0.1 keeps the expected share of false reds among the reds at
    10 %. `pvalues` has shape (m,), m >= 0. Raises ValueError for a value outside [0, 1] or NaN.
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
