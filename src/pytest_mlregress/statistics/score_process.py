"""The score process of a group-sequential test, integrated look by look.

At information I the score S = Z sqrt(I) of a test statistic Z with standardised effect delta is
normal with mean delta I and variance I, and its increments between looks are independent. In a
sequential design only the trials which have not yet stopped go on; their density is carried from
look to look by numerical integration (Armitage, McPherson and Rowe, "Repeated significance tests on
accumulating data", JRSS A 132, 1969; Jennison and Turnbull, "Group Sequential Methods", 2000,
chapter 19), here with Gauss-Legendre nodes on the continuation region.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from pytest_mlregress.statistics.roots import find_root
from pytest_mlregress.statistics.special_functions import ndtr

Floats = NDArray[np.float64]

# Normal tails beyond this many standard deviations are below 1e-15 and are cut off.
_REACH = 8.0
# Boundaries are sought between these, farther where a drift comes near.
_FURTHEST_Z = 1000.0
# Beyond a drift by this many standard deviations every probability underflows to 0.
_BEYOND_DRIFT = 40.0
# Halving alone finds any boundary in far fewer steps.
_MOST_STEPS = 2000
# Quadrature nodes per standard deviation of an increment; three give twelve exact digits.
_NODES_PER_SD = 3.0
_LEAST_NODES = 32
_MOST_NODES = 2048


@dataclass(frozen=True)
class Survivors:
    """The trials that have not stopped, for several effects at once.

    Attributes:
        information: that of the last look.
        effects: standardised effects delta, shape (e,).
        scores: the nodes, shape (m,).
        mass: the probability at each node, shape (e, m); its sum over the nodes is the probability
            of having come this far.
    """

    information: float
    effects: Floats
    scores: Floats
    mass: Floats

    def reached(self) -> Floats:
        """The probability of going on after this look, shape (e,)."""
        return np.asarray(self.mass.sum(axis=1), dtype=np.float64)

    def above(self, information: float, z: float) -> Floats:
        """P(still in the trial, and Z at the next look >= z), shape (e,).

        Args:
            information: that of the next look.
            z: the boundary.

        Returns:
            Shape (e,).
        """
        return self._tail(information, z, side=-1.0)

    def below(self, information: float, z: float) -> Floats:
        """P(still in the trial, and Z at the next look < z), shape (e,).

        Args:
            information: that of the next look.
            z: the boundary.

        Returns:
            Shape (e,).
        """
        return self._tail(information, z, side=1.0)

    def z_above(self, information: float, probability: float, *, effect: int = 0) -> float:
        """The z with P(Z >= z) = `probability` at the next look.

        Args:
            information: that of the next look.
            probability: the probability.
            effect: index of the effect.

        Returns:
            The boundary; -inf if fewer trials than `probability` are left.
        """
        if probability >= self.reached()[effect]:
            return -math.inf
        return self._root(
            lambda z: float(self.above(information, z)[effect]) - probability, information, effect
        )

    def z_below(self, information: float, probability: float, *, effect: int = 0) -> float:
        """The z with P(Z < z) = `probability` at the next look.

        Args:
            information: that of the next look.
            probability: the probability.
            effect: index of the effect.

        Returns:
            The boundary; +inf if too few trials are left.
        """
        if probability >= self.reached()[effect]:
            return math.inf
        return self._root(
            lambda z: float(self.below(information, z)[effect]) - probability, information, effect
        )

    def between(self, information: float, low: float, high: float) -> Survivors:
        """The trials that also survive the next look, with low < Z < high there.

        Args:
            information: that of the next look.
            low: the lower boundary on z.
            high: the upper boundary on z.

        Returns:
            The remaining trials.
        """
        step = information - self.information
        root = math.sqrt(information)
        means = self._means(step)
        lowest = max(low * root, float(means.min()) - _REACH * math.sqrt(step))
        highest = min(high * root, float(means.max()) + _REACH * math.sqrt(step))
        scores, weights = _nodes(lowest, max(highest, lowest), math.sqrt(step))
        gaps = (scores[None, :, None] - means[:, None, :]) / math.sqrt(step)
        density = np.exp(-0.5 * gaps * gaps) / math.sqrt(2.0 * math.pi * step)
        mass = np.einsum("enm,em->en", density, self.mass) * weights
        return Survivors(information, self.effects, scores, mass)

    def _tail(self, information: float, z: float, side: float) -> Floats:
        step = information - self.information
        gaps = side * (z * math.sqrt(information) - self._means(step)) / math.sqrt(step)
        return np.asarray((ndtr(gaps) * self.mass).sum(axis=1), dtype=np.float64)

    def _root(self, excess: Callable[[float], float], information: float, effect: int) -> float:
        drifts = self._means(information - self.information)[effect] / math.sqrt(information)
        low = min(-_FURTHEST_Z, float(drifts.min()) - _BEYOND_DRIFT)
        high = max(_FURTHEST_Z, float(drifts.max()) + _BEYOND_DRIFT)
        return float(
            find_root(excess, low, high, absolute=1e-10, relative=1e-12, most_steps=_MOST_STEPS)
        )

    def _means(self, step: float) -> Floats:
        """The score expected at the next look from each node, shape (e, m)."""
        return np.asarray(self.scores[None, :] + self.effects[:, None] * step, dtype=np.float64)


def initial_density(*effects: float) -> Survivors:
    """All trials before the first look.

    Args:
        *effects: standardised effects delta.

    Returns:
        The density of the score under each of them.
    """
    at_zero = np.zeros(1)
    return Survivors(
        0.0, np.asarray(effects, dtype=np.float64), at_zero, np.ones((len(effects), 1))
    )


def _nodes(low: float, high: float, sd: float) -> tuple[Floats, Floats]:
    count = math.ceil(_NODES_PER_SD * (high - low) / sd)
    # Counts are rounded up so that few distinct rules need to be computed and kept.
    count = min(max(_LEAST_NODES, 16 * math.ceil(count / 16)), _MOST_NODES)
    nodes, weights = _legendre(count)
    half = (high - low) / 2.0
    return low + half * (nodes + 1.0), half * weights


@lru_cache(maxsize=64)
def _legendre(count: int) -> tuple[Floats, Floats]:
    nodes, weights = np.polynomial.legendre.leggauss(count)
    return np.asarray(nodes, dtype=np.float64), np.asarray(weights, dtype=np.float64)
