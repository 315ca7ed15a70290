"""Many checks at once, decided by the product's own test and designs."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from benchmarks.calibration.distributions import Distribution
from pytest_mlregress.looks import default_looks
from pytest_mlregress.statistics.batched_pvalues import harm_pvalues
from pytest_mlregress.statistics.power import design_for_power
from pytest_mlregress.statistics.promised_margin import automatic_margins
from pytest_mlregress.statistics.sequential import SequentialDesign
from pytest_mlregress.statistics.simulation import Indices, run_checks, safety_of_samples

Floats = NDArray[np.float64]

#: Shapes of the suite: baseline seeds, seeds of a check.
SHAPES: tuple[tuple[int, int], ...] = ((20, 3), (20, 5), (10, 10), (5, 5))

ALPHAS: tuple[float, ...] = (0.05, 0.01)

#: Beyond so many relabellings this many are drawn. Fewer than the product draws, and as exact: the
#: add-one p-value of any number of draws is valid.
RELABELLINGS = 20_000


@dataclass(frozen=True, slots=True)
class Trials:
    """Data sets of one distribution: baselines (s, n_b), candidates (s, n_c) lowered by a loss."""

    baseline: Floats
    candidate: Floats
    relabellings: int = RELABELLINGS
    known: dict[int, Floats] = field(default_factory=dict)

    def pvalues(self, n: int) -> Floats:
        """Harm p-values of the first n candidate seeds, shape (s,), computed once."""
        if n not in self.known:
            self.known[n] = self._computed(n, slice(None))
        return self.known[n]

    def pvalues_of(self, n: int, which: Indices) -> Floats:
        """Those of some data sets alone, which saves the work of the others."""
        if n in self.known or which.size == len(self.baseline):
            return self.pvalues(n)[which]
        return self._computed(n, which)

    def _computed(self, n: int, which: Indices | slice) -> Floats:
        return harm_pvalues(
            self.baseline[which], self.candidate[which, :n], max_relabellings=self.relabellings
        )


def draw(
    distribution: Distribution,
    shape: tuple[int, int],
    checks: int,
    *,
    loss_sd: float,
    seed: int,
    relabellings: int = RELABELLINGS,
) -> Trials:
    """`checks` data sets in which the candidate lost `loss_sd` standard deviations."""
    generator = np.random.default_rng([seed, *shape, math.floor(1000 * loss_sd)])
    n_baseline, n_candidate = shape
    values = distribution.draw(generator, (checks, n_baseline + n_candidate))
    lost = loss_sd * (distribution.sd or 1.0)
    return Trials(values[:, :n_baseline], values[:, n_baseline:] - lost, relabellings)


@lru_cache(maxsize=64)
def early_stop(shape: tuple[int, int], alpha: float) -> tuple[SequentialDesign, float]:
    """The automatic design at the default looks of a shape, and the loss in SD it detects."""
    return design_for_power(default_looks(shape[1]), n_baseline=shape[0], alpha=alpha)


def fixed_reds(trials: Trials, alpha: float) -> NDArray[np.bool_]:
    """Which checks are red with all seeds at once."""
    return np.asarray(trials.pvalues(trials.candidate.shape[1]) <= alpha)


def sequential_outcome(trials: Trials, design: SequentialDesign) -> tuple[Floats, Floats]:
    """(red, seeds used) of each check with early stop and the automatic margin of its baseline."""
    played = run_checks(
        design,
        len(trials.baseline),
        trials.pvalues_of,
        safety_of_samples(
            trials.baseline,
            trials.candidate,
            automatic_margins(trials.baseline, design),
            design,
            most=trials.relabellings,
        ),
    )
    return played.rejected, played.seeds
