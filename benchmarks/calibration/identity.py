"""Identity by chance: how often a coarse accuracy that lost something is bit-equal all the same.

A check is `identical` when its first k matched seeds tie. Given the baseline the chance of that is
a product of binomial probabilities, so that baselines alone are drawn and nothing is counted.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

from benchmarks.calibration.distributions import Floats
from benchmarks.calibration.measures import Measure, Section
from pytest_mlregress.statistics.bit_equality import LEAST_SEEDS, seeds_to_match

N_BASELINE = 20
LOSS_SD = 1.0
FALSE_IDENTICAL = 0.001

#: Examples in the test set, and the baseline's accuracy on them.
TEST_SETS: tuple[tuple[int, float], ...] = tuple(
    (size, accuracy) for size in (20, 50, 100, 200, 500, 1000) for accuracy in (0.7, 0.9, 0.98)
)

#: The share of examples whose outcome a matched seed keeps whatever the change.
KEPT = 0.8


def run(baselines: int, test_sets: tuple[tuple[int, float], ...] = TEST_SETS) -> list[Section]:
    """One row per test set: baselines of 20 accuracies, each with its own k."""
    columns = (
        "seeds, median",
        "95 %",
        "false identical, independent",
        f"{KEPT:.0%} kept",
        "k = 2, independent",
        f"k = 2, {KEPT:.0%} kept",
        f"{KEPT:.0%} kept, at most 5 seeds",
    )
    rows = tuple(
        (f"{size} examples, {accuracy}", _row(size, accuracy, baselines))
        for size, accuracy in test_sets
    )
    return [
        Section(
            f"Identical by chance at a loss of {LOSS_SD:g} SD",
            columns,
            rows,
            f"at most {FALSE_IDENTICAL} of the checks, whatever the size of the test set",
            (
                f"{baselines} baselines a row. A check of at most 5 seeds cannot ask for more of "
                "them: no target.",
            ),
        )
    ]


def _row(size: int, accuracy: float, baselines: int) -> tuple[Measure, ...]:
    generator = np.random.default_rng([41, size, math.floor(1000 * accuracy)])
    kept = round(KEPT * size)
    lost = LOSS_SD * math.sqrt(accuracy * (1.0 - accuracy) / size)
    of_kept = generator.binomial(kept, accuracy, (baselines, N_BASELINE))
    of_rest = generator.binomial(size - kept, accuracy, (baselines, N_BASELINE))
    right = of_kept + of_rest
    needed = np.array([_needed(row / size) for row in right])
    independent = binom.pmf(right, size, accuracy - lost)
    # The examples that are not kept carry the whole loss, as far as they can.
    rest = max(0.0, accuracy - lost * size / (size - kept))
    alike = binom.pmf(of_rest, size - kept, rest)
    twice = np.full(baselines, LEAST_SEEDS)
    return (
        Measure(float(np.median(needed)), style=".0f"),
        Measure(float(np.quantile(needed, 0.95)), style=".0f"),
        _chance(independent, needed, FALSE_IDENTICAL),
        _chance(alike, needed, FALSE_IDENTICAL),
        _chance(independent, twice),
        _chance(alike, twice),
        _chance(alike, np.minimum(needed, 5)),
    )


def _needed(accuracies: Floats) -> int:
    by_seed = {seed: {"accuracy": float(value)} for seed, value in enumerate(accuracies)}
    return seeds_to_match(by_seed, planned=N_BASELINE)


def _chance(tie: Floats, needed: NDArray[np.int_], limit: float | None = None) -> Measure:
    """The mean chance that the first `needed` seeds of each baseline, shape (s, 20), all tie."""
    chances = np.cumprod(tie, axis=1)[np.arange(len(tie)), needed - 1]
    error = float(chances.std()) / math.sqrt(len(chances))
    return Measure(float(chances.mean()), limit, error=error, style=".5f")
