"""Runs that differ by themselves: false reds with and without the estimated run effect."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from benchmarks.calibration.distributions import Floats
from benchmarks.calibration.measures import Measure, Section, share
from benchmarks.calibration.trials import early_stop
from scipy.special import ndtr, ndtri

from pytest_mlregress.statistics.acceptance import safety_levels
from pytest_mlregress.statistics.batched import excludes_margin, harm_pvalues
from pytest_mlregress.statistics.promised_margin import automatic_margins
from pytest_mlregress.statistics.rehearsal import Indices, play
from pytest_mlregress.statistics.run_effect import RunEffect, estimate_run_effect
from pytest_mlregress.statistics.sequential import SequentialDesign
from pytest_mlregress.statistics.spread import spread_of

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
    """Checks of one comparison each, what the runs before say of run effects, and the spread."""

    baseline: Floats
    candidate: Floats
    effects: list[RunEffect]
    spread: Floats

    def reds(self, alpha: float, *, used: bool) -> Floats:
        """Which are red at that level, with the run effects or without."""
        design, _ = early_stop((N_BASELINE, N_CHECK), alpha)
        tau = np.array([effect.used if used else 0.0 for effect in self.effects])
        squares = 2.0 * (tau / self.spread) ** 2
        factors = {
            n: np.sqrt(1.0 + squares * information)
            for n, information in zip(design.looks, design.information, strict=True)
        }
        margins = automatic_margins(self.baseline, design) * factors[design.looks[-1]]
        levels = dict(zip(design.looks, safety_levels(design.looks, N_BASELINE), strict=True))

        def pvalues(n: int, which: Indices) -> Floats:
            p = harm_pvalues(
                self.baseline[which], self.candidate[which, :n], max_relabellings=RELABELLINGS
            )
            return np.asarray(ndtr(ndtri(p) / factors[n][which]))

        def safe(n: int, which: Indices) -> np.ndarray:
            return excludes_margin(
                self.baseline[which],
                self.candidate[which, :n],
                margins[which],
                ndtr(ndtri(levels[n]) * factors[n][which]),
                max_relabellings=RELABELLINGS,
            )

        return _played(design, len(self.baseline), pvalues, safe)


def _played(design: SequentialDesign, checks: int, pvalues, safe) -> Floats:  # type: ignore[no-untyped-def]
    return play(design, checks, pvalues, safe).rejected


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
            before, after = (made.reds(SUITE_ALPHA / m, used=used) for used in (False, True))
            limit = 1.25 * SUITE_ALPHA / m if full and runs >= 10 else None
            measures += [share(before == 1.0), share(after == 1.0, limit)]
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
            before, after = (
                float(made.reds(SUITE_ALPHA / m, used=used).mean()) for used in (False, True)
            )
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
    return _Checks(
        baseline, candidate, found, np.array([spread_of(values).sd for values in baseline])
    )
