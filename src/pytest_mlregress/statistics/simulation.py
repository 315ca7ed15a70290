"""What a check would do, found by doing it: the test itself on simulated normal seeds.

The first looks of a check have two or three seeds, where no formula describes the permutation test
well. A rehearsal plays the whole check many times and is used for planning, where a second is
affordable.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from pytest_mlregress.statistics.acceptance import safety_levels
from pytest_mlregress.statistics.batched_pvalues import excludes_margin, harm_pvalues
from pytest_mlregress.statistics.promised_margin import automatic_margins
from pytest_mlregress.statistics.samples import FloatArray
from pytest_mlregress.statistics.sequential import SequentialDesign

Indices: TypeAlias = NDArray[np.intp]

#: Tells of the first n seeds of the checks with some indices whether they exclude the margin.
Safe: TypeAlias = Callable[[int, Indices], NDArray[np.bool_]]

#: Checks per rehearsal: powers are then within 0.01, expected seeds within 2 %.
REHEARSED_CHECKS: Final = 6_000

# Relabellings per check: up to so many are enumerated; of those drawn so many are at or below the
# smallest level.
_LEAST_RELABELLINGS: Final = 2_000
_PER_SMALLEST_LEVEL: Final = 10


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """The share of checks that ended red, and the mean of the candidate seeds they used."""

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
    checks: int = REHEARSED_CHECKS,
    seed: int = 0,
) -> Rehearsal:
    """Play `checks` checks of a candidate that lost `loss_sd` standard deviations.

    `margin_sd` is the margin that acceptance has to exclude, in true standard deviations; None for
    the automatic one of each baseline.
    Baseline and candidate seeds are normal with equal spread. The same `seed` draws the same
    noise, so that rehearsals of different losses are comparable.
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
    played = run_checks(
        design,
        checks,
        lambda n, which: harm_pvalues(baseline[which], candidate[which, :n], max_relabellings=most),
        safety_of_samples(baseline, candidate, margins, design, most=most),
    )
    return Rehearsal(float(played.rejected.mean()), float(played.seeds.mean()), checks)


def safety_of_samples(
    baseline: FloatArray,
    candidate: FloatArray,
    margin: FloatArray,
    design: SequentialDesign,
    *,
    most: int,
) -> Safe:
    """Whether the first n seeds of some checks exclude their margins, as `run_checks` asks it.

    `baseline` has shape (checks, n_b), `candidate` (checks, n_c), `margin` (checks,); `most` is
    the number of relabellings.
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
    """Of each check, shape (checks,): 1 where rejected, 1 where accepted, and the seeds used.

    One that is neither ended inconclusive.
    """

    rejected: FloatArray
    accepted: FloatArray
    seeds: FloatArray


def run_checks(
    design: SequentialDesign, checks: int, pvalues: Callable[[int, Indices], FloatArray], safe: Safe
) -> SimulatedChecks:
    """Many checks with an automatic margin at once.

    `pvalues(n, which)` gives the harm p-values of the first n candidate seeds of the checks with
    those indices, `safe(n, which)` whether they exclude the margin. The decisions are those of
    `SequentialCheck.follow` for samples without a collapsed seed.
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
