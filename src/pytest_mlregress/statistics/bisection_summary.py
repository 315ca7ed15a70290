"""What the posterior of a noisy search says of candidates, levels and losses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from scipy.special import comb, ndtr

from pytest_mlregress.statistics.bisection_model import CHANGES_PRIOR, EFFECT_SDS, LevelPosterior
from pytest_mlregress.statistics.bisection_regression import CORRELATIONS, ROUNDING_VARIANCE
from pytest_mlregress.statistics.samples import FloatArray

# Halvings of an interval that bracket a quantile.
_HALVINGS: Final = 50

# Keeps the ratio of two likelihoods finite.
_LARGEST_LOG: Final = 500.0


def p_lost(posterior: LevelPosterior, loss: float = 0.0) -> FloatArray:
    """The probability that each class has lost.

    Args:
        posterior: the posterior.
        loss: at least so much, in scaled units.

    Returns:
        Shape (g,).
    """
    return _by_class(posterior, _p_below(posterior, -loss))


def expected_effects(posterior: LevelPosterior) -> FloatArray:
    """The expected effect of each class, with 0 where it has none.

    Args:
        posterior: the posterior.

    Returns:
        Shape (g,), in scaled units.
    """
    return _by_class(posterior, posterior.effect)


def base_level(posterior: LevelPosterior) -> float:
    """The expected level of GOOD.

    Args:
        posterior: the posterior.

    Returns:
        The level, in scaled units.
    """
    regression = posterior.regression
    design = np.pad(regression.mean_design, ((0, 0), (0, 1)))
    above = design[posterior.rho[:, None], posterior.sites] * posterior.effect
    return float(posterior.weight @ (regression.level[posterior.rho] - above.sum(axis=1)))


def noise_variance(posterior: LevelPosterior) -> float:
    """The expected variance of the seeds of a state.

    Args:
        posterior: the posterior.

    Returns:
        The variance, in scaled units.
    """
    return float(posterior.weight @ posterior.variance)


def correlation(posterior: LevelPosterior) -> float:
    """The expected correlation of one seed's values in two states.

    Args:
        posterior: the posterior.

    Returns:
        The correlation.
    """
    return float(posterior.weight @ CORRELATIONS[posterior.rho])


def p_loss_of(posterior: LevelPosterior, loss: float | None) -> float:
    """The probability that some class lost at least so much.

    Args:
        posterior: the posterior.
        loss: in scaled units, above 0; None: one standard deviation of the seeds.

    Returns:
        The probability.
    """
    amount = np.sqrt(posterior.variance) if loss is None else np.full(posterior.variance.size, loss)
    none = np.prod(1.0 - _p_below(posterior, -amount[:, None]), axis=1)
    return float(posterior.weight @ (1.0 - none))


def p_none_against(
    posterior: LevelPosterior, loss: float | None, apart_from: Sequence[int] = ()
) -> float:
    """The probability of no loss at all against a loss of exactly so much at some class.

    Both have the prior probability 1/2, and one to four changes of the second are equally probable,
    so that neither a vague prior of the effects nor the rarity of several changes excludes a loss.
    The marginal likelihood of a loss of a given size is that of the set of changes, times the
    factor by which it changes when that effect is fixed instead of drawn.

    Args:
        posterior: the posterior.
        loss: in scaled units, above 0; None: one standard deviation of the seeds. One beyond the
            largest scale of the prior counts as that: by the prior no gain could hide it.
        apart_from: classes whose effects are known: the question is about the others, with the
            prior probabilities that are left for their number.

    Returns:
        The probability.
    """
    known = len(apart_from)
    if known >= len(CHANGES_PRIOR) - 1:
        return 1.0  # no set has another change
    prior = np.array(CHANGES_PRIOR[known:])
    is_known = np.isin(posterior.sites, np.array(apart_from, dtype=np.intp))
    of_known = is_known.sum(axis=1) == known
    size = (posterior.sites < posterior.classes.weight.size).sum(axis=1) - known
    size = np.where(of_known, size, 0)
    # A larger set holds the known ones more often by chance.
    weight = posterior.weight * of_known / comb(size + known, known)
    gains_only = weight * np.prod(np.where(is_known, 1.0, 1.0 - _p_below(posterior, 0.0)), axis=1)
    none = float(gains_only.sum() / (prior @ 0.5 ** np.arange(prior.size)))
    sd = np.sqrt(posterior.variance)
    effect = -(sd if loss is None else np.minimum(loss, EFFECT_SDS[-1] * sd))
    own = np.diagonal(posterior.shape, axis1=1, axis2=2) * posterior.variance[:, None]
    there = (own > 0.0) & ~is_known
    # The residual squares with that effect fixed, and no longer drawn from its prior.
    left = (posterior.df * posterior.variance)[:, None]
    shape = np.where(there, np.diagonal(posterior.shape, axis1=1, axis2=2), 1.0)
    tau = posterior.tau[:, None]
    fixed = left + (effect[:, None] - posterior.effect) ** 2 / shape - (effect[:, None] / tau) ** 2
    fixed = np.maximum(fixed, ROUNDING_VARIANCE * (posterior.df + 1))
    log_ratio = np.log(tau / np.sqrt(shape)) - 0.5 * posterior.df * np.log(fixed / left)
    ratio = np.exp(np.minimum(log_ratio, _LARGEST_LOG))
    ratio = np.where(there, ratio, 0.0).sum(axis=1) / np.maximum(size, 1)
    lost = float((weight / prior[size] * ratio).sum()) / (prior.size - 1)
    return none / max(none + lost, 1e-300)


def excluded_loss(
    posterior: LevelPosterior, confidence: float, apart_from: Sequence[int] = ()
) -> float:
    """The smallest loss of a class that is excluded, as `p_none_against` has it.

    Args:
        posterior: the posterior.
        confidence: the probability of no loss that excludes the other.
        apart_from: classes that are known to have lost: of them the credible interval excludes it.

    Returns:
        The loss, in scaled units.
    """
    most = 10.0 * float(np.sqrt(posterior.variance.max()) + np.abs(posterior.effect).max())
    of_others = _first(
        lambda loss: p_none_against(posterior, loss, apart_from) >= confidence, 0.0, most
    )
    known = [-effect_of(posterior, site, confidence)[1][0] for site in apart_from]
    return max([of_others, *known])


def effect_of(
    posterior: LevelPosterior, site: int, confidence: float
) -> tuple[float, tuple[float, float]]:
    """The effect of a class that lost, and its equal-tailed credible interval.

    Args:
        posterior: the posterior.
        site: the class.
        confidence: the probability of the interval.

    Returns:
        The expected effect and the interval, in scaled units, where the class has one.
    """
    component, slot = np.nonzero(posterior.sites == site)
    weight = posterior.weight[component] / posterior.weight[component].sum()
    centre = posterior.effect[component, slot]
    scale = np.sqrt(posterior.variance[component] * posterior.shape[component, slot, slot])
    reach = 50.0 * float(scale.max())
    low, high = float(centre.min()) - reach, float(centre.max()) + reach

    def below(effect: float) -> float:
        return float(weight @ _t_distribution(posterior.df, (effect - centre) / scale))

    tail = 0.5 * (1.0 - confidence)
    interval = (
        _first(lambda effect: below(effect) >= tail, low, high),
        _first(lambda effect: below(effect) >= 1.0 - tail, low, high),
    )
    return float(weight @ centre), interval


def _p_below(posterior: LevelPosterior, effect: FloatArray | float) -> FloatArray:
    """The probability that each component's effects are below a number, shape (m, 4)."""
    own = np.diagonal(posterior.shape, axis1=1, axis2=2) * posterior.variance[:, None]
    there = own > 0.0
    statistic = (effect - posterior.effect)[there] / np.sqrt(own[there])
    below = np.zeros(own.shape)
    below[there] = _t_distribution(posterior.df, statistic)
    return below


def _t_distribution(df: int, t: FloatArray) -> FloatArray:
    """The distribution function of t, within 0.002: Wallace 1959, Ann. Math. Stat. 30, 1124."""
    z = (8.0 * df + 1.0) / (8.0 * df + 3.0) * np.sqrt(df * np.log1p(t**2 / df))
    return np.asarray(ndtr(np.copysign(z, t)))


def _by_class(posterior: LevelPosterior, values: FloatArray) -> FloatArray:
    g = posterior.classes.weight.size
    weighted = (posterior.weight[:, None] * values).ravel()
    summed = np.bincount(posterior.sites.ravel(), weights=weighted, minlength=g + 1)
    return summed[:g].astype(np.float64)


def _first(reached: Callable[[float], bool], low: float, high: float) -> float:
    """The least number from which on a condition holds, by halving."""
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        if reached(middle):
            high = middle
        else:
            low = middle
    return high
