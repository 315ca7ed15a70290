"""The sections of the calibration suite, and how many checks each simulates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from benchmarks.calibration import (
    acceptance,
    collapses,
    drift,
    health,
    identity,
    levels,
    nonfinite,
    pairing,
    planning,
    powers,
    run_effects,
    savings,
    several,
    speed,
    suites,
)
from benchmarks.calibration.measures import Section


@dataclass(frozen=True, slots=True)
class Scale:
    """Simulated checks per cell."""

    levels: int
    powers: int
    savings: int
    suites: int
    lost: int
    drift: int
    planning: int
    bands: int
    identity: int
    pairing: int
    several: several.Checks
    nonfinite: int
    health: int
    run_effects: int
    repeats: int
    acceptance: acceptance.Checks


QUICK = Scale(
    levels=500,
    powers=500,
    savings=500,
    suites=100,
    lost=30,
    drift=100,
    planning=500,
    bands=5,
    identity=300,
    pairing=40,
    several=several.Checks(powers=50, levels=200),
    nonfinite=30,
    health=40,
    run_effects=100,
    repeats=20,
    acceptance=acceptance.Checks(normal=2, others=1, collapsed=1),
)
FULL = Scale(
    levels=5000,
    powers=5000,
    savings=4000,
    suites=2000,
    lost=300,
    drift=1000,
    planning=6000,
    bands=100,
    identity=10_000,
    pairing=400,
    several=several.Checks(powers=250, levels=300),
    nonfinite=150,
    health=200,
    run_effects=600,
    repeats=200,
    acceptance=acceptance.Checks(normal=16, others=3, collapsed=3),
)

# What the slow tests simulate, for every figure: a target allows for three standard errors of its
# own number of checks.
IN_TESTS = replace(
    FULL,
    levels=2500,
    powers=1500,
    savings=2000,
    suites=500,
    drift=500,
    planning=3000,
    bands=20,
    identity=5000,
    pairing=100,
    several=several.Checks(powers=125, levels=200),
    nonfinite=40,
    health=60,
    run_effects=200,
    acceptance=acceptance.Checks(normal=4, others=1, collapsed=1),
)

SECTIONS: dict[str, Callable[[Scale], list[Section]]] = {
    "levels": lambda scale: levels.run(scale.levels),
    "powers": lambda scale: powers.run(scale.powers),
    "savings": lambda scale: savings.run(scale.savings),
    "suites": lambda scale: suites.run(scale.suites, scale.lost),
    "drift": lambda scale: drift.run(scale.drift),
    "planning": lambda scale: planning.run(scale.planning),
    "collapses": lambda scale: collapses.run(scale.bands, seeds_per_band=200),
    "identity": lambda scale: identity.run(scale.identity),
    "pairing": lambda scale: pairing.run(scale.pairing),
    "several": lambda scale: several.run(scale.several),
    "nonfinite": lambda scale: nonfinite.run(scale.nonfinite),
    "health": lambda scale: health.run(scale.health),
    "run_effects": lambda scale: run_effects.run(scale.run_effects),
    "acceptance": lambda scale: acceptance.run(scale.acceptance),
    "speed": lambda scale: speed.run(scale.repeats),
}
