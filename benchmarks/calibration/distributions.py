"""Thirteen distributions of a metric over seeds. Higher is better in all of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

Floats = NDArray[np.float64]
Draw = Callable[[np.random.Generator, tuple[int, ...]], Floats]

#: The accuracy of a diverged seed: chance among ten classes.
CHANCE = 0.1


@dataclass(frozen=True, slots=True)
class Distribution:
    """`draw(generator, shape)` gives values; `sd` is the standard deviation of healthy seeds."""

    name: str
    draw: Draw
    sd: float


def _accuracy(generator: np.random.Generator, shape: tuple[int, ...]) -> Floats:
    return generator.beta(45, 5, shape)


def _diverging(healthy: Draw, wreck: float, rate: float) -> Draw:
    """Seeds of which a share ends at `wreck`, as a training that diverged does."""

    def draw(generator: np.random.Generator, shape: tuple[int, ...]) -> Floats:
        return np.where(generator.random(shape) < rate, wreck, healthy(generator, shape))

    return draw


def _levels(generator: np.random.Generator, shape: tuple[int, ...]) -> Floats:
    return generator.choice(5, size=shape, p=(0.05, 0.15, 0.4, 0.3, 0.1)).astype(np.float64)


def _bimodal(generator: np.random.Generator, shape: tuple[int, ...]) -> Floats:
    return np.where(generator.random(shape) < 0.3, -2.0, 1.0) + generator.normal(0, 0.4, shape)


def _measured(name: str, draw: Draw) -> Distribution:
    """A distribution with its standard deviation taken from a large sample."""
    return Distribution(name, draw, float(draw(np.random.default_rng(0), (400_000,)).std()))


def _normal(generator: np.random.Generator, shape: tuple[int, ...]) -> Floats:
    return generator.normal(size=shape)


NORMAL = Distribution("normal", _normal, 1.0)
BETA = _measured("beta", _accuracy)
SKEWED = _measured("logit-normal skewed", lambda g, shape: expit(3.0 + g.normal(0, 1.0, shape)))
LOGNORMAL = _measured("lognormal loss", lambda g, shape: -g.lognormal(0, 0.6, shape))
T3 = _measured("t3", lambda g, shape: g.standard_t(3, shape))
DIVERGED_2 = Distribution("2 % diverged", _diverging(_accuracy, CHANCE, 0.02), BETA.sd)
DIVERGED_10 = Distribution("10 % diverged", _diverging(_accuracy, CHANCE, 0.10), BETA.sd)

#: The same where healthy seeds are normal; beside the thirteen, because it is harder.
NORMAL_DIVERGED_2 = Distribution("normal, 2 % diverged", _diverging(_normal, -20.0, 0.02), 1.0)
NORMAL_DIVERGED_10 = Distribution("normal, 10 % diverged", _diverging(_normal, -20.0, 0.10), 1.0)

DISTRIBUTIONS: tuple[Distribution, ...] = (
    NORMAL,
    BETA,
    _measured("logit-normal mild", lambda g, shape: expit(2.0 + g.normal(0, 0.2, shape))),
    SKEWED,
    LOGNORMAL,
    T3,
    _measured("bimodal", _bimodal),
    _measured("binomial", lambda g, shape: g.binomial(500, 0.95, shape) / 500),
    _measured("5 integer levels", _levels),
    _measured("near-constant", lambda g, shape: (g.random(shape) < 0.93).astype(np.float64)),
    Distribution("constant", lambda g, shape: np.full(shape, 0.5), 0.0),
    DIVERGED_2,
    DIVERGED_10,
)
