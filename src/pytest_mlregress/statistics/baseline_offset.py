"""How far the runs since lie from a baseline, and whether it is more than its own uncertainty.

Every mean of a baseline is off by about its standard error, which the level of a check allows for
on average over baselines. One that is off by 1.5 of them or more multiplies the false reds of all
the checks that follow, or hides losses from them. The green runs since tell which it is: each adds
values of its own, except for what their seeds have in common, which no further run adds to.
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

#: A baseline whose mean is off by so many of its standard errors is worth recording anew.
LARGE: Final = 1.5

#: One-sided confidence that the difference is none of chance: 2 % of the baselines whose mean is
#: right would be taken for wrong, and fewer are, since most such differences are not large.
CONFIDENCE: Final = 0.99

#: An effect of the seeds or the runs counts from this p-value on: not to see one that is there
#: costs more than to see one that is not.
_COUNTED: Final = 0.2

#: Where runs share the luck of their seeds fewer seeds than this do not tell how much of it.
LEAST_LINKED_SEEDS: Final = 10


@dataclass(frozen=True, slots=True)
class BaselineOffset:
    """The mean of the runs against that of the baseline, in metric units.

    `standard_error` is that of the baseline's mean. `reach` is how far the mean of the runs may be
    off by chance at `CONFIDENCE`, infinite where they do not tell; it rests on `n_runs` runs of
    `n_values` values.
    """

    baseline_mean: float
    runs_mean: float
    standard_error: float
    reach: float
    n_runs: int
    n_values: int

    @property
    def shown(self) -> bool:
        """Whether the baseline's mean is off by much, and not by the chance of these runs."""
        offset = abs(self.runs_mean - self.baseline_mean)
        return offset > LARGE * self.standard_error and offset > self.reach


def baseline_offset(baseline: RunValues, runs: Sequence[RunValues]) -> BaselineOffset | None:
    """Compare a baseline with runs of the same metric that were judged by it, all by seed.

    All values count alike, so that a check that stopped early weighs as much as it measured: by
    Wald's identity the mean over many such checks is not biased by their stops. Runs that are
    bit-identical to the baseline or to another one are left out. None where fewer than two values
    of the baseline are finite, or no value of a run.
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
