"""Where the levels of a history change: the posterior of a piecewise constant model.

A value is the level of its state, plus an effect of its seed, plus noise. Both have normal
distributions with the total variance s2, and the seed's share of it is rho: paired seeds. The level
of a state is that of GOOD plus the effects of the candidates that it includes. All but a few
candidates have no effect; the others have normal ones of variance tau2 s2. The level of GOOD and s2
have the reference prior and are integrated out in closed form, rho and tau are summed over a grid,
and so are all sets of up to four candidates with an effect (Smith 1975, Biometrika 62, 407; Liang
et al. 2008, J. Am. Stat. Assoc. 103, 410).

Candidates that no state of interest tells apart are one class.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from math import comb
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from pytest_mlregress.statistics.bisection_classes import Classes
from pytest_mlregress.statistics.bisection_regression import (
    CORRELATIONS,
    ROUNDING_VARIANCE,
    Regression,
    regress,
)
from pytest_mlregress.statistics.bisection_values import IntArray, SearchValues
from pytest_mlregress.statistics.samples import FloatArray

#: Prior probabilities of 0, 1, 2, 3 and 4 candidates with an effect, gains and losses alike.
CHANGES_PRIOR: Final = (0.28, 0.62, 0.06, 0.025, 0.015)

#: The grid of the standard deviation of an effect, in standard deviations of the seeds.
EFFECT_SDS: Final = np.array([1.0, 2.5])
_EFFECT_SD_WEIGHTS: Final = np.array([0.8, 0.2])

# All sets of a size are summed up to this number. Of larger ones, those that extend the most
# probable sets with one change less (Occam's window: Madigan and Raftery 1994, J. Am. Stat. Assoc.
# 89, 1535).
_MOST_SETS: Final = 300
_MOST_EXTENDED: Final = 16

# Components with less of the posterior, together, are left out.
_NEGLIGIBLE: Final = 0.01

_WIDTH: Final = len(CHANGES_PRIOR) - 1


@dataclass(frozen=True, slots=True, eq=False)
class LevelPosterior:
    """The posterior as a mixture of components, each with a set of changes, a rho and a tau.

    A component's effects have a t distribution with `df` degrees of freedom, mean `effect` and
    scale matrix `variance` times `shape`.

    Attributes:
        classes: the classes of candidates, g of them.
        weight: shape (m,), the probabilities of the components.
        of_set: shape (m,), the number of the set of changes of each component.
        sites: shape (m, 4), the classes with an effect; g where there are fewer.
        effect: shape (m, 4), in scaled units; 0 where there are fewer.
        shape: shape (m, 4, 4).
        variance: shape (m,), the estimate of s2.
        df: degrees of freedom.
        rho: shape (m,), positions in `CORRELATIONS`.
        tau: shape (m,), in standard deviations.
        regression: the sufficient statistics.
    """

    classes: Classes
    weight: FloatArray
    of_set: IntArray
    sites: IntArray
    effect: FloatArray
    shape: NDArray[np.float64]
    variance: FloatArray
    df: int
    rho: IntArray
    tau: FloatArray
    regression: Regression


def level_posterior(classes: Classes, data: SearchValues) -> LevelPosterior:
    """The posterior, given at least two observations.

    Args:
        classes: the classes, whose states of interest include all observed ones.
        data: the observations.

    Returns:
        The posterior.
    """
    regression = regress(classes, data)
    n_classes = classes.weight.size
    sizes = np.array(CHANGES_PRIOR[: n_classes + 1])
    log_prior = np.log(sizes / sizes.sum()) - _log_of_all_sets(classes.weight)[: sizes.size]
    log_weight = np.log(classes.weight)
    sets: list[IntArray] = []
    logs: list[FloatArray] = []
    for size, of_size in enumerate(log_prior):
        if comb(n_classes, size) <= _MOST_SETS:
            chosen = _all_sets(n_classes, size)
        else:
            best = np.argsort(-logs[-1].max(axis=(0, 1)), kind="stable")[:_MOST_EXTENDED]
            chosen = _extended(sets[-1][best], n_classes)
        sets.append(chosen)
        likelihood = log_likelihood(regression, chosen)
        logs.append(likelihood + of_size + log_weight[chosen].sum(axis=1))
    top = max(float(block.max()) for block in logs)
    weights = [np.exp(block - top) for block in logs]
    # All below this share of the mean are negligible together.
    least = _NEGLIGIBLE * sum(map(np.sum, weights)) / sum(map(np.size, weights))
    return _components(classes, regression, sets, weights, least)


@lru_cache(maxsize=64)
def _all_sets(n_classes: int, size: int) -> IntArray:
    """All sets of so many classes, shape (sets, size)."""
    chosen = np.array(list(combinations(range(n_classes), size)), dtype=np.intp)
    return chosen.reshape(comb(n_classes, size), size)


def _extended(chosen: IntArray, n_classes: int) -> IntArray:
    """All sets with one class more than one of these, shape (sets, size + 1)."""
    m, size = chosen.shape
    more = np.tile(np.arange(n_classes, dtype=np.intp), m)
    grown = np.column_stack((np.repeat(chosen, n_classes, axis=0), more))
    grown = np.sort(grown[(grown[:, :-1] != grown[:, -1:]).all(axis=1)], axis=1)
    codes = grown @ (n_classes ** np.arange(size + 1)[::-1])
    return np.asarray(grown[np.unique(codes, return_index=True)[1]])


def _log_of_all_sets(weight: FloatArray) -> FloatArray:
    """The logs of the sums over all sets of 0, 1, ... classes of the products of their weights."""
    sums = np.zeros(_WIDTH + 1)
    sums[0] = 1.0
    for of_class in weight:
        sums[1:] += of_class * sums[:-1]
    with np.errstate(divide="ignore"):
        return np.log(sums)


def log_likelihood(regression: Regression, chosen: IntArray) -> FloatArray:
    """The log marginal likelihood of sets of one size, up to a constant.

    Args:
        regression: the sufficient statistics.
        chosen: shape (sets, size), the classes with an effect.

    Returns:
        Shape (r, taus, sets), with the log prior of tau.
    """
    size = chosen.shape[1]
    df = regression.n - 1
    rows = [regression.product[:, None, chosen[:, i]] for i in range(size)]
    ridge = (1.0 / EFFECT_SDS**2)[:, None]
    factor: dict[tuple[int, int], FloatArray] = {}
    explained = np.zeros((CORRELATIONS.size, EFFECT_SDS.size, len(chosen)))
    log_det = np.zeros_like(explained)
    solved: list[FloatArray] = []
    for i in range(size):  # a Cholesky factorisation of all sets at once
        for j in range(i + 1):
            entry = regression.gram[:, None, chosen[:, i], chosen[:, j]]
            for before in range(j):
                entry = entry - factor[i, before] * factor[j, before]
            factor[i, j] = np.sqrt(entry + ridge) if i == j else entry / factor[j, j]
        row = rows[i]
        for before in range(i):
            row = row - factor[i, before] * solved[before]
        solved.append(row / factor[i, i])
        explained = explained + solved[i] ** 2
        log_det = log_det + np.log(factor[i, i])
    left = np.maximum(
        regression.squares[:, None, None] - explained, ROUNDING_VARIANCE * regression.n
    )
    fixed = -0.5 * regression.log_determinant[:, None, None] - size * np.log(EFFECT_SDS)[:, None]
    return np.asarray(
        fixed - log_det - 0.5 * df * np.log(left) + np.log(_EFFECT_SD_WEIGHTS)[:, None]
    )


def _components(
    classes: Classes,
    regression: Regression,
    sets: list[IntArray],
    weights: list[FloatArray],
    least: float,
) -> LevelPosterior:
    found: list[tuple[NDArray[Any], ...]] = []
    first = 0
    n_classes = classes.weight.size
    for chosen, block in zip(sets, weights, strict=True):
        r, t, h = np.nonzero(block >= least)
        size, m = chosen.shape[1], r.size
        sites = np.full((m, _WIDTH), n_classes, dtype=np.intp)
        effect, shape = np.zeros((m, _WIDTH)), np.zeros((m, _WIDTH, _WIDTH))
        left = regression.squares[r]
        if size and m:
            of = chosen[h]
            sites[:, :size] = of
            gram = regression.gram[r[:, None, None], of[:, :, None], of[:, None, :]]
            inverse = np.linalg.inv(gram + np.eye(size) / (EFFECT_SDS[t] ** 2)[:, None, None])
            product = regression.product[r[:, None], of]
            effect[:, :size] = np.einsum("mij,mj->mi", inverse, product)
            shape[:, :size, :size] = inverse
            left = left - np.einsum("mi,mi->m", effect[:, :size], product)
        variance = np.maximum(left, ROUNDING_VARIANCE * regression.n) / (regression.n - 1)
        found.append((block[r, t, h], first + h, sites, effect, shape, variance, r, EFFECT_SDS[t]))
        first += len(chosen)
    weight, of_set, sites, effect, shape, variance, r, tau = (
        np.concatenate(parts) for parts in zip(*found, strict=True)
    )
    return LevelPosterior(
        classes=classes,
        weight=weight / weight.sum(),
        of_set=of_set.astype(np.intp),
        sites=sites.astype(np.intp),
        effect=effect,
        shape=shape,
        variance=variance,
        df=regression.n - 1,
        rho=r.astype(np.intp),
        tau=tau,
        regression=regression,
    )
