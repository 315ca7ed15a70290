"""What the values of one run have in common: a session, a machine, a driver, a build.

A check compares two runs, the baseline's and the current one. Its p-values account for the noise of
seeds, and not for a run as a whole being higher or lower than another one of the same code: with a
run effect of 0.3 standard deviations 20 against 5 seeds are red about five times as often as the
level says, at small levels (docs/methods.md). Earlier runs of what counts as the same code show how
large it is.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from pytest_mlregress.statistics.seed_run_layout import (
    RunValues,
    distinct_runs,
    seed_run_layout,
)

#: Fewer runs than this show no run effect.
LEAST_RUNS: Final = 5

#: Level of the F test that shows one: the lower confidence bound of its variance is above 0.
LEVEL: Final = 0.05


@dataclass(frozen=True, slots=True)
class RunEffect:
    """The estimated run effect.

    Attributes:
        tau: standard deviation of what the values of a run have in common, in metric units.
        sd: standard deviation of seeds within a run, in metric units.
        n_runs: number of runs.
        pvalue: p-value of the F test for no run effect.
    """

    tau: float
    sd: float
    n_runs: int
    pvalue: float

    @property
    def shown(self) -> bool:
        """Whether enough runs show it."""
        return self.n_runs >= LEAST_RUNS and self.pvalue <= LEVEL and self.tau > 0.0

    @property
    def used(self) -> float:
        """What enters a check: `tau` where it is shown, else 0."""
        return self.tau if self.shown else 0.0

    def __str__(self) -> str:
        in_sd = f" ({self.tau / self.sd:.2f} SD)" if self.sd > 0.0 else ""
        fate = "enters the test" if self.shown else "not shown, not used"
        return f"run effect {self.tau:.3g}{in_sd} in {self.n_runs} runs: {fate}"


def estimate_run_effect(runs: Iterable[RunValues]) -> RunEffect | None:
    """The run effect in runs of the same code, by seed, not all of which have all seeds.

    Of runs that are bit-identical in the seeds that they share one counts. With R runs, S seeds and
    N values SS(run | seed), what runs explain beyond seeds, has the expectation (R - 1) V(rest) +
    (N - S) tau^2, whichever cells are empty (Searle, Casella and McCulloch 1992, Variance
    Components, ch. 5.5).

    Args:
        runs: the values of each run by seed, in metric units.

    Returns:
        The effect; None if it cannot be estimated: a single run, or no seed in two of them.
    """
    distinct = [run for run in distinct_runs(runs) if any(map(math.isfinite, run.values()))]
    if len(distinct) < 2:
        return None
    layout = seed_run_layout(distinct)
    if layout.rest.df < 1:
        return None
    within = layout.rest.value + layout.seed.variance(layout.rest)
    return RunEffect(
        tau=math.sqrt(layout.run.variance(layout.rest)),
        sd=math.sqrt(within),
        n_runs=layout.n_runs,
        pvalue=layout.p_run,
    )
