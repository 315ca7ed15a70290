"""When live pairs are looked at, and what each look may spend.

Both sides grow together: after k of N pairs the difference of means has the share t = k / N of its
information, whatever the correlation. A look that cannot reject spends nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np

from pytest_mlregress.statistics.acceptance import SAFETY_LEVEL
from pytest_mlregress.statistics.pair_tests import PairTest, smallest_pair_p
from pytest_mlregress.statistics.power import spendable_alpha
from pytest_mlregress.statistics.score_process import initial_density
from pytest_mlregress.statistics.special_functions import ndtr

#: Before the last look harm needs at least this many pairs: a t-test of fewer does not keep its
#: level on values with two modes, and their exact p-values are too large.
LEAST_PAIRS_TO_REJECT: Final = 5

#: At the last look this many suffice for a t-test below the smallest exact p-value.
LEAST_PAIRS_AT_END: Final = 3

# A level found by integration must not exclude the attainable p-value that it is.
_ROUNDING: Final = 1e-8

_FIRST_LOOKS: Final = (2, 3)
_TO_REJECT: Final = 1.5


@dataclass(frozen=True, slots=True)
class PairDesign:
    """The looks of a comparison of at most N pairs.

    Attributes:
        looks: increasing numbers of pairs; the last one is N.
        reject: the level of harm at each look; 0 where it cannot be shown.
        accept: the level of safety at each look; 0 where a loss cannot be excluded.
    """

    looks: tuple[int, ...]
    reject: tuple[float, ...]
    accept: tuple[float, ...]


def pair_looks(n_pairs: int) -> tuple[int, ...]:
    """2, 3, 5, 8, 13, 21 and so on, up to `n_pairs`, which is the last one.

    Args:
        n_pairs: the largest number of pairs, at least 1.

    Returns:
        Increasing numbers of pairs.

    Raises:
        ValueError: less than 1 pair.
    """
    if n_pairs < 1:
        raise ValueError(f"n_pairs is {n_pairs!r}; allowed is at least 1 pair")
    looks: list[int] = []
    one, other = _FIRST_LOOKS
    while one < n_pairs:
        looks.append(one)
        one, other = other, one + other
    return (*looks, n_pairs)


@lru_cache(maxsize=256)
def pair_design(looks: tuple[int, ...], alpha: float, test: PairTest = "both") -> PairDesign:
    """What each look may spend of `alpha` to reject and of `SAFETY_LEVEL` to accept.

    Rejection spends alpha t^1.5 (Kim and DeMets 1987, Biometrika 74, 149), acceptance in proportion
    to t, each in a score process without any other boundary; the last look accepts at the whole
    level, as in `acceptance.safety_levels`.

    Args:
        looks: increasing numbers of pairs.
        alpha: level of the comparison.
        test: what shows harm.

    Returns:
        The design.
    """
    last = looks[-1]
    rejecting = [n for n in looks if n >= LEAST_PAIRS_TO_REJECT or n == last]
    spendable = spendable_alpha(alpha, len(rejecting))
    levels = _levels(rejecting, [spendable * (n / last) ** _TO_REJECT for n in rejecting])
    accepting = [
        n for n in looks[:-1] if smallest_pair_p(n, safety_test(n, test)) <= SAFETY_LEVEL * n / last
    ]
    safe = _levels(accepting, [SAFETY_LEVEL * n / last for n in accepting])
    safe[last] = SAFETY_LEVEL
    return PairDesign(
        looks,
        tuple(levels.get(n, 0.0) for n in looks),
        tuple(safe.get(n, 0.0) for n in looks),
    )


def safety_test(n_pairs: int, test: PairTest) -> PairTest:
    """What excludes a loss: of few pairs the two samples alone, whose p-values are the smaller.

    Args:
        n_pairs: number of pairs.
        test: what shows harm.

    Returns:
        The test.
    """
    return "samples" if test == "both" and n_pairs < LEAST_PAIRS_TO_REJECT else test


def _levels(looks: list[int], spent: list[float]) -> dict[int, float]:
    """The level of each look at which the tests together have spent that much so far."""
    levels: dict[int, float] = {}
    going_on = initial_density(0.0)
    for n, due in zip(looks, np.diff(spent, prepend=0.0), strict=True):
        z = going_on.z_above(float(n), float(due))
        levels[n] = float(ndtr(-z)) * (1.0 + _ROUNDING)
        going_on = going_on.between(float(n), -math.inf, z)
    return levels
