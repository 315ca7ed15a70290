"""Which training tells most about which candidate lost.

The expected decrease, by one more value, of the uncertainty of "candidate c lost", summed over the
candidates (information of an experiment: Lindley 1956, Ann. Math. Stat. 27, 986; for a noisy binary
search: Jedynak, Frazier and Sznitman 2012, J. Appl. Probab. 49, 114). The uncertainty is p (1 - p)
and not the entropy, which values what is learned of the many improbable candidates: half of 40
searches at 1 SD among 16 commits took 76 trainings with it, and 68 without. The value's
distribution is that of the posterior's components, with normal in place of t distributions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pytest_mlregress.statistics.bisection_model import LevelPosterior
from pytest_mlregress.statistics.bisection_regression import CORRELATIONS, shrinkage
from pytest_mlregress.statistics.bisection_values import IntArray
from pytest_mlregress.statistics.samples import FloatArray
from pytest_mlregress.statistics.special_functions import ndtr

# The most sets of changes that predict, by posterior probability.
_MOST_SETS: Final = 64

# How many values the predictive densities are summed at, and their reach in standard deviations.
_POINTS: Final = 21
_REACH: Final = 3.0


@dataclass(frozen=True, slots=True, eq=False)
class _Sets:
    """The most probable sets of changes, each with its most probable correlation and slab."""

    weight: FloatArray  # (h,)
    component: IntArray  # (h,)


@dataclass(frozen=True, slots=True, eq=False)
class _Prediction:
    """The next value under each set (h) of each training (s), and the effects given that value."""

    mean: FloatArray  # (h, s)
    variance: FloatArray  # (h, s)
    covariance: NDArray[np.float64]  # (h, s, 4), with the effects of the set


def information_gains(posterior: LevelPosterior, rows: IntArray, seeds: IntArray) -> FloatArray:
    """What trainings are expected to tell about which classes lost.

    Args:
        posterior: the posterior.
        rows: shape (s,), the state of each training, as a position in the classes' states.
        seeds: shape (s,), its seed, as a position in the regression; beyond the last one for a
            seed that no state has trained.

    Returns:
        Shape (s,): by how much the uncertainty falls.
    """
    sets = _most_probable(posterior)
    predicted = _predict(posterior, sets, rows, seeds)
    gains = _uncertainty_now(posterior, sets) - _uncertainty_then(posterior, sets, predicted)
    return np.asarray(gains)


def _most_probable(posterior: LevelPosterior) -> _Sets:
    weight = np.bincount(posterior.of_set, weights=posterior.weight)
    kept = np.argsort(-weight, kind="stable")[:_MOST_SETS]
    kept = kept[weight[kept] > 0.0]
    candidates = np.flatnonzero(np.isin(posterior.of_set, kept))
    ascending = candidates[np.argsort(posterior.weight[candidates], kind="stable")]
    best = np.zeros(weight.size, dtype=np.intp)
    best[posterior.of_set[ascending]] = ascending  # the last one stays
    return _Sets(weight[kept] / weight[kept].sum(), best[kept])


def _predict(
    posterior: LevelPosterior, sets: _Sets, rows: IntArray, seeds: IntArray
) -> _Prediction:
    """Best linear prediction from the seed's other values and the levels, given the set."""
    regression, design = posterior.regression, posterior.classes.includes
    r = posterior.rho[sets.component]
    rho = CORRELATIONS[r][:, None]
    seen = np.vstack((regression.seen, np.zeros(design.shape[0])))[seeds]
    sums = np.append(regression.seed_sums, 0.0)[seeds]
    times = seen.sum(axis=1)
    f = shrinkage(rho, times)  # (h, s)
    base = 1.0 - f * times
    of_class = design[rows] - f[:, :, None] * (seen @ design)  # (h, s, g)
    of_class = of_class - base[:, :, None] * regression.mean_design[r][:, None, :]
    padded = np.pad(of_class, ((0, 0), (0, 0), (0, 1)))
    sites = posterior.sites[sets.component]
    contrast = np.take_along_axis(padded, sites[:, None, :], axis=2)  # (h, s, 4)
    effect = posterior.effect[sets.component]
    variance = posterior.variance[sets.component][:, None]
    shape = posterior.shape[sets.component]
    covariance = np.einsum("hsi,hij->hsj", contrast, shape)
    spread = np.einsum("hsi,hsi->hs", covariance, contrast)
    spread = spread + base**2 / regression.precision[r][:, None] + 1.0 - rho * f * times
    mean = regression.level[r][:, None] * base + f * sums
    mean = mean + np.einsum("hsi,hi->hs", contrast, effect)
    return _Prediction(mean, spread * variance, covariance * variance[:, :, None])


def _uncertainty_now(posterior: LevelPosterior, sets: _Sets) -> float:
    lost = _p_lost(posterior, sets)
    return float(
        _uncertainty(_per_class(posterior, sets) @ (sets.weight[:, None] * lost).ravel()).sum()
    )


def _p_lost(posterior: LevelPosterior, sets: _Sets) -> FloatArray:
    """The probability that the effects of each set are losses, shape (h, 4)."""
    own, there = _own_variances(posterior, sets)
    return np.where(there, ndtr(-posterior.effect[sets.component] / np.sqrt(own)), 0.0)


def _own_variances(posterior: LevelPosterior, sets: _Sets) -> tuple[FloatArray, NDArray[np.bool_]]:
    own = np.diagonal(posterior.shape[sets.component], axis1=1, axis2=2)
    own = own * posterior.variance[sets.component][:, None]
    there = own > 0.0
    return np.where(there, own, 1.0), there


def _per_class(posterior: LevelPosterior, sets: _Sets) -> FloatArray:
    """The matrix that sums the effects of all sets by class, shape (g, h * 4)."""
    sites = posterior.sites[sets.component].ravel()
    return np.asarray(np.arange(posterior.classes.weight.size)[:, None] == sites, dtype=np.float64)


def _uncertainty_then(posterior: LevelPosterior, sets: _Sets, predicted: _Prediction) -> FloatArray:
    """The expected uncertainty after each training, shape (s,)."""
    values, step = _points(predicted)  # (s, y), (s,)
    deviation = values[None, :, :] - predicted.mean[:, :, None]  # (h, s, y)
    variance = predicted.variance[:, :, None]
    density = np.exp(-0.5 * deviation**2 / variance) / np.sqrt(2.0 * np.pi * variance)
    joint = sets.weight[:, None, None] * density
    total = np.maximum(joint.sum(axis=0), 1e-300)  # (s, y)
    own, there = _own_variances(posterior, sets)
    which_set, slot = np.nonzero(there)
    slope = predicted.covariance[which_set, :, slot] / predicted.variance[which_set]  # (p, s)
    left = own[which_set, slot][:, None] - slope * predicted.covariance[which_set, :, slot]
    effect = posterior.effect[sets.component][which_set, slot][:, None, None]
    effect = effect + slope[:, :, None] * deviation[which_set]
    lost = ndtr(-effect / np.sqrt(np.maximum(left, 1e-300))[:, :, None])
    sites = posterior.sites[sets.component][which_set, slot]
    of_class = (np.arange(posterior.classes.weight.size)[:, None] == sites).astype(np.float64)
    n_points = total.size
    p = of_class @ (joint[which_set] * lost).reshape(sites.size, n_points)
    p = np.clip(p / total.ravel(), 0.0, 1.0)
    expected = _uncertainty(p).sum(axis=0).reshape(total.shape) * total
    return np.asarray((expected * step[:, None]).sum(axis=1) / (total * step[:, None]).sum(axis=1))


def _points(predicted: _Prediction) -> tuple[FloatArray, FloatArray]:
    sd = np.sqrt(predicted.variance)
    low = (predicted.mean - _REACH * sd).min(axis=0)
    high = (predicted.mean + _REACH * sd).max(axis=0)
    step = (high - low) / (_POINTS - 1)
    return low[:, None] + step[:, None] * np.arange(_POINTS), step


def _uncertainty(p: FloatArray) -> FloatArray:
    """The variance of a yes or no."""
    return np.asarray(p * (1.0 - p))
