"""The seeds that a diagnosis trained: one seed twice, and another one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pytest_mlregress.doctor.finding import Level
from pytest_mlregress.running.result import SeedResult

__all__ = ["TrainedTest", "Trainings"]


@dataclass(frozen=True, slots=True)
class TrainedTest:
    """What was trained of one test, each seed in a process of its own.

    Attributes:
        test: the node id without the seed.
        tier: the tier that trained.
        first: the result of its first seed; None where it could not be run.
        again: of the same seed in another process.
        other: of another seed; None also where the test declares a single one.
        unavailable: why a seed could not be run; empty if all could.
        divergence: the first module or operation in which the two trainings of one seed differ, as
            `mlregress explain` names it; empty where it is not known.
    """

    test: str
    tier: str
    first: SeedResult | None
    again: SeedResult | None
    other: SeedResult | None
    unavailable: str = ""
    divergence: str = ""


@dataclass(frozen=True, slots=True)
class Trainings:
    """What was trained of every test, or why nothing could be.

    Attributes:
        tests: by node id without the seed.
        problem: why none of them could be trained; empty if they could.
        level: how bad that is: ``skipped`` where there is nothing to train.
    """

    tests: Mapping[str, TrainedTest] = field(default_factory=dict)
    problem: str = ""
    level: Level = "skipped"
