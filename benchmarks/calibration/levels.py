"""False alarms: how often an unchanged candidate is red."""

from __future__ import annotations

from benchmarks.calibration.distributions import DISTRIBUTIONS, Distribution
from benchmarks.calibration.measures import Measure, Section, share
from benchmarks.calibration.trials import (
    ALPHAS,
    SHAPES,
    draw,
    early_stop,
    fixed_reds,
    sequential_outcome,
)


def run(checks: int, distributions: tuple[Distribution, ...] = DISTRIBUTIONS) -> list[Section]:
    """One table for all seeds at once, one for early stop."""
    columns = tuple(f"{b}v{c} at {alpha}" for b, c in SHAPES for alpha in ALPHAS)
    fixed, sequential = [], []
    for distribution in distributions:
        at_once: list[Measure] = []
        stopped: list[Measure] = []
        for shape in SHAPES:
            trials = draw(distribution, shape, checks, loss_sd=0.0, seed=1)
            for alpha in ALPHAS:
                at_once.append(share(fixed_reds(trials, alpha), alpha))
                design, _ = early_stop(shape, alpha)
                stopped.append(share(sequential_outcome(trials, design)[0], alpha))
        fixed.append((distribution.name, tuple(at_once)))
        sequential.append((distribution.name, tuple(stopped)))
    target = f"at most alpha + 3 standard errors; {checks} unchanged candidates a cell"
    return [
        Section("False alarms, all seeds at once", columns, tuple(fixed), target),
        Section("False alarms with early stop", columns, tuple(sequential), target),
    ]
