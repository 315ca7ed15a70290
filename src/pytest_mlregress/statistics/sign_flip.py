"""The sign-flip test of pairs: exact if the two values of a pair are exchangeable."""

from __future__ import annotations

from typing import Final

import numpy as np

from pytest_mlregress.statistics.relabellings import DRAW_SEED
from pytest_mlregress.statistics.samples import FloatArray
from pytest_mlregress.statistics.tails import Tails
from pytest_mlregress.statistics.welch_order import tail_probabilities

#: Up to this many pairs all 2^n flips are enumerated; otherwise `DRAWS` of them are drawn.
MOST_ENUMERATED: Final = 17
DRAWS: Final = 200_000


def sign_flip_test(differences: FloatArray) -> Tails:
    """p-values of the sum of `differences` when each sign is a fair coin.

    Exact for pairs that are exchangeable within themselves, whatever their distribution and
    correlation (Fisher 1935, "The Design of Experiments", section 21). Drawn flips are seeded, and
    the observed signs count as one of them.

    Args:
        differences: shape (n,), finite.

    Returns:
        Both one-sided p-values.
    """
    largest = float(np.abs(differences).max())
    scaled = differences / largest if largest > 0.0 else differences
    few = differences.size <= MOST_ENUMERATED
    return tail_probabilities(_all_sums(scaled) if few else _drawn_sums(scaled))


def smallest_flip_p(n_pairs: int) -> float:
    """The smallest p-value of the sign-flip test.

    Args:
        n_pairs: number of pairs.

    Returns:
        The p-value.
    """
    return 0.5**n_pairs if n_pairs <= MOST_ENUMERATED else 1.0 / (DRAWS + 1)


def _all_sums(differences: FloatArray) -> FloatArray:
    """The sums under all flips, the observed one first."""
    sums = np.zeros(1)
    for difference in differences:
        sums = np.concatenate((sums + difference, sums - difference))
    return sums


def _drawn_sums(differences: FloatArray) -> FloatArray:
    """The observed sum and 200,000 with random signs, a pair at a time to bound the memory."""
    generator = np.random.default_rng([DRAW_SEED, differences.size])
    sums = np.zeros(DRAWS + 1)
    for difference in differences:
        signs = 2.0 * generator.integers(0, 2, DRAWS, dtype=np.int8) - 1.0
        sums[0] += difference
        sums[1:] += signs * difference
    return sums
