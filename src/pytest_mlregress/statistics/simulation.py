"""What a check would decide, by simulation: the test itself on normal seeds.

The first looks of a check have two or three seeds, where no formula describes the permutation test
well. The whole check is simulated many times for planning, where a second is affordable.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from pytest_mlregress.statistics.acceptance import safety_levels
from pytest_mlregress.statistics.batched_pvalues import excludes_margin, harm_pvalues
from pytest_mlregress.statistics.promised_margin import automatic_margins
from pytest_mlregress.statistics.samples import FloatArray
from pytest_mlregress.statistics.sequential import SequentialDesign
from pytest_mlregress.statistics.special_functions import ndtr

Indices: TypeAlias = NDArray[np.intp]

#: (n, which): whether the first n seeds of the checks with those indices exclude the margin.
Safe: TypeAlias = Callable[[int, Indices], NDArray[np.bool_]]

#: Checks per simulation: powers are then within 0.01, expected seeds within 2 %.
SIMULATED_CHECKS: Final = 6_000

# Relabellings per check: up to the first number all are enumerated; of those drawn the second is
# how many are at or below the smallest level.
_LEAST_RELABELLINGS: Final = 2_000
_PER_SMALLEST_LEVEL: Final = 10


@dataclass(frozen=True, slots=True)
class SimulatedPower:
    """The result of simulated checks.

    Attributes:
        power: share of the checks that ended red.
        expected_seeds: mean number of candidate seeds they used.
        checks: number of checks.
    """

    power: float
    expected_seeds: float
    checks: int


@lru_cache(maxsize=512)
def simulate_checks(
    design: SequentialDesign,
    loss_sd: float,
    *,
    n_baseline: int,
    margin_sd: float | None,
    checks: int = SIMULATED_CHECKS,
    seed: int = 0,
) -> SimulatedPower:
    """Simulate checks of a candidate that lost `loss_sd` standard deviations.

    Baseline and candidate seeds are normal with equal spread.

    Args:
        design: the boundaries.
        loss_sd: the loss in standard deviations.
        n_baseline: number of baseline seeds.
        margin_sd: the margin that acceptance has to exclude, in true standard deviations; None for
            the automatic one of each baseline.
        checks: number of simulated checks.
        seed: seed of the draws; the same one draws the same noise, so that simulations of different
            losses are comparable.

    Returns:
        The power and the expected seeds.
    """
    generator = np.random.default_rng([seed, n_baseline, design.looks[-1]])
    baseline = generator.normal(size=(checks, n_baseline))
    candidate = generator.normal(-loss_sd, 1.0, size=(checks, design.looks[-1]))
    most = _relabellings(design, n_baseline)
    margins = (
        automatic_margins(baseline, design)
        if margin_sd is None
        else np.full(checks, float(margin_sd))
    )
    simulated = run_checks(
        design,
        checks,
        lambda n, which: harm_pvalues(baseline[which], candidate[which, :n], max_relabellings=most),
        safety_of_samples(baseline, candidate, margins, design, most=most),
    )
    return SimulatedPower(float(simulated.rejected.mean()), float(simulated.seeds.mean()), checks)


def safety_of_samples(
    baseline: FloatArray,
    candidate: FloatArray,
    margin: FloatArray,
    design: SequentialDesign,
    *,
    most: int,
) -> Safe:
    """Whether the first n seeds of some checks exclude their margins, for `run_checks`.

    Args:
        baseline: shape (checks, n_b).
        candidate: shape (checks, n_c).
        margin: shape (checks,), in the units of the values.
        design: the boundaries.
        most: number of relabellings.

    Returns:
        The function (n, which) that `run_checks` calls.
    """
    levels = dict(zip(design.looks, safety_levels(design.looks, baseline.shape[1]), strict=True))

    def safe(n: int, which: Indices) -> NDArray[np.bool_]:
        return excludes_margin(
            baseline[which], candidate[which, :n], margin[which], levels[n], max_relabellings=most
        )

    return safe


def _relabellings(design: SequentialDesign, n_baseline: int) -> int:
    """How many to draw, so that a p-value's own noise is far below that of the data."""
    drawn = [
        boundary
        for n, boundary in zip(design.looks, design.reject, strict=True)
        if math.comb(n_baseline + n, n) > _LEAST_RELABELLINGS
    ]
    smallest = min((float(ndtr(-boundary)) for boundary in drawn), default=1.0)
    return max(_LEAST_RELABELLINGS, math.ceil(_PER_SMALLEST_LEVEL / smallest))


@dataclass(frozen=True, slots=True)
class SimulatedChecks:
    """How each simulated check ended; one that was neither rejected nor accepted was inconclusive.

    Attributes:
        rejected: 1 if rejected, shape (checks,).
        accepted: 1 if accepted, shape (checks,).
        seeds: candidate seeds used, shape (checks,).
    """

    rejected: FloatArray
    accepted: FloatArray
    seeds: FloatArray


def run_checks(
    design: SequentialDesign, checks: int, pvalues: Callable[[int, Indices], FloatArray], safe: Safe
) -> SimulatedChecks:
    """Run many checks with an automatic margin at once.

    The decisions are those of `SequentialCheck.follow` for samples without a collapsed seed.

    Args:
        design: the boundaries.
        checks: number of checks.
        pvalues: (n, which) to the harm p-values of the first n candidate seeds of the checks with
            those indices.
        safe: (n, which) to whether they exclude the margin.

    Returns:
        How each check ended.
    """
    rejected, accepted, seeds = (np.zeros(checks) for _ in range(3))
    going_on = np.arange(checks)
    for n, reject, accept in zip(design.looks, design.reject, design.accept, strict=True):
        p = pvalues(n, going_on)
        seeds[going_on] = n
        red = p <= float(ndtr(-reject))
        rejected[going_on[red]] = 1.0
        last = n == design.looks[-1]
        candidates = ~red & (last | (p >= float(ndtr(-accept))))
        green = candidates.copy()
        green[candidates] = safe(n, going_on[candidates])
        accepted[going_on[green]] = 1.0
        going_on = going_on[~red & ~green]
        if going_on.size == 0:
            break
    return SimulatedChecks(rejected, accepted, seeds)
