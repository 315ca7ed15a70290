"""How far the later runs are from a baseline, and whether that exceeds its own uncertainty.

Every mean of a baseline is off by about its standard error, which the level of a check allows for
on average over baselines. One that is off by 1.5 standard errors or more multiplies the false reds
of all the checks that follow, or hides losses from them. The later green runs show which: each adds
new values, except for what its seeds have in common with other runs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from pytest_mlregress.statistics.samples import sd
from pytest_mlregress.statistics.seed_run_layout import (
    RunValues,
    distinct_runs,
    same_values,
    seed_run_layout,
)

#: A baseline whose mean is off by this many of its standard errors should be recorded again.
LARGE: Final = 1.5

#: One-sided confidence that the difference is not chance: at most 2 % of the baselines whose mean
#: is right are taken for wrong, in fact fewer, since most such differences are not large.
CONFIDENCE: Final = 0.99

#: An effect of the seeds or the runs counts up to this p-value: missing a real one costs more than
#: counting one that is not there.
_COUNTED: Final = 0.2

#: Fewer seeds than this do not show how much the values of a seed are correlated over the runs.
LEAST_LINKED_SEEDS: Final = 10


@dataclass(frozen=True, slots=True)
class BaselineOffset:
    """The mean of the runs compared with that of the baseline, in metric units.

    Attributes:
        baseline_mean: mean of the baseline's finite values.
        runs_mean: mean of all values of the runs.
        standard_error: standard error of the baseline's mean.
        reach: how far `runs_mean` may be off by chance at `CONFIDENCE`; infinite if the runs do not
            tell.
        n_runs: number of runs.
        n_values: number of values in them.
    """

    baseline_mean: float
    runs_mean: float
    standard_error: float
    reach: float
    n_runs: int
    n_values: int

    @property
    def shown(self) -> bool:
        """Whether the baseline's mean is far off, by more than the chance of these runs."""
        offset = abs(self.runs_mean - self.baseline_mean)
        return offset > LARGE * self.standard_error and offset > self.reach


def baseline_offset(baseline: RunValues, runs: Sequence[RunValues]) -> BaselineOffset | None:
    """Compare a baseline with runs of the same metric that were judged by it, all by seed.

    All values count alike, so that a check that stopped early weighs as much as it measured: by
    Wald's identity the mean over many such checks is not biased by their stops. Runs that are
    bit-identical to the baseline or to another one are left out.

    Args:
        baseline: the baseline's values by seed, in metric units.
        runs: the values of each later run by seed, in metric units.

    Returns:
        The comparison; None if fewer than two values of the baseline, or none of the runs, are
        finite.
    """
    finite = np.array([value for value in baseline.values() if math.isfinite(value)])
    others = [run for run in distinct_runs(runs) if not same_values(run, baseline)]
    if finite.size < 2 or not any(map(math.isfinite, (v for run in others for v in run.values()))):
        return None
    layout = seed_run_layout(others)
    linked = layout.p_seed <= _COUNTED and layout.n_seeds < LEAST_LINKED_SEEDS
    return BaselineOffset(
        baseline_mean=float(finite.mean()),
        runs_mean=layout.mean,
        standard_error=sd(finite) / math.sqrt(finite.size),
        reach=math.inf if linked else layout.reach(CONFIDENCE, count_from=_COUNTED),
        n_runs=layout.n_runs,
        n_values=layout.n_values,
    )
