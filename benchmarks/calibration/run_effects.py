"""Runs that differ by themselves: false reds with and without the estimated run effect."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.calibration.distributions import Floats
from benchmarks.calibration.measures import Measure, Section, share
from benchmarks.calibration.trials import Trials, early_stop, sequential_outcome
from pytest_mlregress.looks import default_looks
from pytest_mlregress.statistics.early_stop import plan_check
from pytest_mlregress.statistics.run_effect import RunEffect, estimate_run_effect

N_BASELINE: Final = 20
N_CHECK: Final = 5
SUITE_ALPHA: Final = 0.05
COMPARISONS: Final = (1, 10, 50)

#: All of 20 against 5 seeds: the smallest p-values matter here.
RELABELLINGS: Final = 60_000

#: The runs that are remembered beside the baseline: how many, and whether all ran 20 seeds.
HISTORIES: Final[tuple[tuple[str, int, bool], ...]] = (
    ("5 runs that stopped early", 5, False),
    ("10 runs that stopped early", 10, False),
    ("5 runs of 20 seeds", 5, True),
    ("10 runs of 20 seeds", 10, True),
)

#: Run effects in SDs of seeds.
EFFECTS: Final = (0.3, 0.0)

#: How often an effect that is not there may be used, and what that may cost in power at 2 SD.
WRONGLY_USED: Final = 0.05
COST: Final = 0.05

LOSS: Final = 2.0


@dataclass(frozen=True, slots=True)
class _Checks:
    """Checks of one comparison each, and what the runs before say of run effects."""

    baseline: Floats
    candidate: Floats
    effects: list[RunEffect]

    def reds(self, alpha: float) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Which are red at that level: without the run effects, and with those that are used."""
        design, _ = early_stop((N_BASELINE, N_CHECK), alpha)
        trials = Trials(self.baseline, self.candidate, RELABELLINGS)
        red, _ = sequential_outcome(trials, design)
        before = red == 1.0
        after = before.copy()
        for k, effect in enumerate(self.effects):
            if effect.shown:
                after[k] = self._red(k, alpha, effect.used)
        return before, after

    def _red(self, k: int, alpha: float, run_effect: float) -> bool:
        """One check by the product's own decisions."""
        check = plan_check(
            self.baseline[k],
            default_looks(N_CHECK),
            higher_is_better=True,
            alpha=alpha,
            run_effect=run_effect,
        )
        return check.follow(self.baseline[k], self.candidate[k])[-1].action == "reject"


def run(checks: int) -> list[Section]:
    """False reds with a run effect, and what is wrongly used and lost without one."""
    return [false_reds(checks), without_effect(checks)]


def false_reds(checks: int) -> Section:
    """A run effect of 0.3 SD: red when nothing changed, before and after."""
    rows = []
    for name, runs, full in HISTORIES:
        made = _checks(checks, EFFECTS[0], runs, full=full, loss=0.0)
        measures = [share([effect.shown for effect in made.effects])]
        for m in COMPARISONS:
            before, after = made.reds(SUITE_ALPHA / m)
            limit = 1.25 * SUITE_ALPHA / m if full and runs >= 10 else None
            measures += [share(before), share(after, limit)]
        rows.append((name, tuple(measures)))
    columns = (f"{what}, M = {m}" for m in COMPARISONS for what in ("red before", "red after"))
    return Section(
        f"Unchanged checks of 20v5 with a run effect of {EFFECTS[0]} SD",
        ("used", *columns),
        tuple(rows),
        "10 runs of 20 seeds: about the level; few seeds a run seldom show so small an effect",
        (f"{checks} checks a figure, level {SUITE_ALPHA} / M; before: without the estimate.",),
    )


def without_effect(checks: int) -> Section:
    """No run effect: how often one is used, and the power that it costs."""
    rows = []
    for name, runs, full in HISTORIES:
        made = _checks(checks, EFFECTS[1], runs, full=full, loss=LOSS)
        used = share([effect.shown for effect in made.effects], WRONGLY_USED)
        measures = [used]
        for m in COMPARISONS:
            before, after = (float(red.mean()) for red in made.reds(SUITE_ALPHA / m))
            measures += [Measure(before), Measure(after, before - COST, "at least")]
        rows.append((name, tuple(measures)))
    columns = (f"power {what}, M = {m}" for m in COMPARISONS for what in ("before", "after"))
    return Section(
        f"Checks of 20v5 with a loss of {LOSS:g} SD and no run effect",
        ("wrongly used", *columns),
        tuple(rows),
        f"wrongly used at most {WRONGLY_USED}; at most {COST} of power lost",
        (f"{checks} checks a figure, the same for both.",),
    )


def _checks(checks: int, effect: float, runs: int, *, full: bool, loss: float) -> _Checks:
    """Normal seeds; every run, also the baseline's and today's, has an effect of its own."""
    generator = np.random.default_rng([61, runs, int(full), round(100 * effect)])

    def of_run(n: int) -> Floats:
        shift = effect * generator.normal(size=(checks, 1))
        return np.asarray(generator.normal(size=(checks, n)) + shift)

    baseline, candidate = of_run(N_BASELINE), of_run(N_CHECK) - loss
    history = [of_run(N_BASELINE if full else N_CHECK) for _ in range(runs)]
    # Of the checks that stop early three in five do so after 3 of at most 5 seeds.
    seeds = np.where(generator.random(size=(checks, runs)) < 0.6, 3, N_CHECK)
    found = []
    for k in range(checks):
        values = [run[k, : None if full else int(seeds[k, r])] for r, run in enumerate(history)]
        estimated = estimate_run_effect(
            [dict(enumerate(sample.tolist())) for sample in (baseline[k], *values)]
        )
        assert estimated is not None
        found.append(estimated)
    return _Checks(baseline, candidate, found)
