"""The line that doubts a baseline: how often it fires, and on which baselines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from benchmarks.calibration.distributions import Floats
from benchmarks.calibration.measures import Measure, Section, share
from benchmarks.calibration.trials import early_stop
from pytest_mlregress.statistics.baseline_offset import baseline_offset
from pytest_mlregress.statistics.batched_pvalues import harm_pvalues
from pytest_mlregress.statistics.promised_margin import automatic_margins
from pytest_mlregress.statistics.simulation import run_checks, safety_of_samples

N_BASELINE: Final = 20
N_CHECK: Final = 5
RUNS: Final = (10, 20)
RELABELLINGS: Final = 4_000

#: The part of the variance that every run's seeds share, and the level of one comparison.
SETTINGS: Final[tuple[tuple[str, float, float], ...]] = (
    ("independent, alpha 0.05 / 50", 0.0, 0.001),
    ("independent, alpha 0.05", 0.0, 0.05),
    ("seeds half linked, alpha 0.05 / 50", 0.5, 0.001),
    ("seeds half linked, alpha 0.05", 0.5, 0.05),
)

#: How much the baseline's mean is above the truth, in its standard errors.
OFFSETS: Final = (0.0, 1.5, -1.5, 2.0, -2.0)

#: What the line may say of baselines whose mean is right; what it has to find where seeds are
#: independent, by the offset.
FALSE: Final = 0.02
FOUND: Final = {2.0: 0.35, -2.0: 0.35}


@dataclass(frozen=True, slots=True)
class _Project:
    """A baseline and the green runs against it, by seed."""

    baseline: dict[int, float]
    runs: list[dict[int, float]]


def run(projects: int) -> list[Section]:
    """The share of projects in which the line appears, after 10 and after 20 green runs."""
    return [doubted(projects, setting) for setting in SETTINGS]


def doubted(projects: int, setting: tuple[str, float, float]) -> Section:
    """Normal seeds, checks of at most 5 that stop early; runs that are not green do not count."""
    name, linked, alpha = setting
    rows = []
    found = {offset: _projects(projects, offset, linked, alpha) for offset in OFFSETS}
    for n_runs in RUNS:
        measures = []
        for offset, simulated in found.items():
            shown = [_shown(project, n_runs) for project in simulated]
            measures.append(_measure(shown, offset, n_runs, linked, alpha))
        rows.append((f"{n_runs} green runs", tuple(measures)))
    return Section(
        f"Baselines that the green runs speak against: {name}",
        tuple(f"off by {offset:g} SE" if offset else "mean right" for offset in OFFSETS),
        tuple(rows),
        "mean right: at most 2 %; off by 2 SE: at least 35 % where 20 runs are independent",
        (
            f"{projects} projects a figure; above the truth is a lucky baseline.",
            "With a single comparison at 0.05 a lucky baseline makes its worst runs red, and what "
            "is left looks better than it is; where seeds are linked no number of runs tells.",
        ),
    )


def _measure(shown: list[bool], offset: float, n_runs: int, linked: float, alpha: float) -> Measure:
    if offset == 0.0 and (linked == 0.0 or n_runs == RUNS[-1]):
        return share(shown, FALSE)
    independent = linked == 0.0 and n_runs == RUNS[-1] and (alpha < 0.05 or offset < 0.0)
    return share(shown, FOUND.get(offset) if independent else None, "at least")


def _shown(project: _Project, n_runs: int) -> bool:
    found = baseline_offset(project.baseline, project.runs[:n_runs])
    return found is not None and found.shown


def _projects(projects: int, offset: float, linked: float, alpha: float) -> list[_Project]:
    """Projects whose baseline is off by so much, each with its first green runs of many."""
    generator = np.random.default_rng([59, round(100 * (3.0 + offset)), round(100 * linked)])
    luck = np.sqrt(linked) * generator.normal(size=(projects, N_BASELINE))
    noise = np.sqrt(1.0 - linked)
    baseline = luck + noise * generator.normal(size=luck.shape)
    baseline += offset / np.sqrt(N_BASELINE) - baseline.mean(axis=1, keepdims=True)
    tried = 2 * RUNS[-1]
    of_project = np.repeat(np.arange(projects), tried)
    candidates = luck[of_project, :N_CHECK] + noise * generator.normal(
        size=(of_project.size, N_CHECK)
    )
    green, seeds = _checked(baseline[of_project], candidates, alpha)
    found = [_Project(dict(enumerate(row.tolist())), []) for row in baseline]
    for row in np.flatnonzero(green):
        runs = found[of_project[row]].runs
        if len(runs) < RUNS[-1]:
            runs.append(dict(enumerate(candidates[row, : int(seeds[row])].tolist())))
    return found


def _checked(baseline: Floats, candidate: Floats, alpha: float) -> tuple[Floats, Floats]:
    """(green, seeds used) of each check with early stop."""
    design, _ = early_stop((N_BASELINE, N_CHECK), alpha)
    played = run_checks(
        design,
        len(baseline),
        lambda n, which: harm_pvalues(
            baseline[which], candidate[which, :n], max_relabellings=RELABELLINGS
        ),
        safety_of_samples(
            baseline, candidate, automatic_margins(baseline, design), design, most=RELABELLINGS
        ),
    )
    return played.accepted, played.seeds
