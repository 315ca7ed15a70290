"""What a verdict is: plain values with their reasons, ready for any kind of report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pytest_mlregress.margins import MarginLike
    from pytest_mlregress.running.result import SeedResult
    from pytest_mlregress.statistics import Comparison
    from pytest_mlregress.statistics.run_effect import RunEffect


class VerdictKind(StrEnum):
    """The rows of the verdict table."""

    IDENTICAL = "identical"
    PASS = "pass"
    IMPROVEMENT = "improvement"
    MINOR = "minor"
    REGRESSION = "regression"
    INCONCLUSIVE = "inconclusive"
    UNAFFORDABLE = "unaffordable"
    DIVERGED = "diverged"
    INCOMPARABLE = "incomparable"
    NO_BASELINE = "no-baseline"
    INCOMPLETE = "incomplete"
    RECORDED = "recorded"
    """An update wrote this baseline."""
    REFUSED = "refused"
    """An update did not: the baseline stays as it was."""
    SKIPPED = "skipped"
    """Every seed was skipped by the test itself."""


SEVERITY: Final[tuple[VerdictKind, ...]] = (
    VerdictKind.SKIPPED,
    VerdictKind.IDENTICAL,
    VerdictKind.PASS,
    VerdictKind.RECORDED,
    VerdictKind.IMPROVEMENT,
    VerdictKind.MINOR,
    VerdictKind.INCONCLUSIVE,
    VerdictKind.UNAFFORDABLE,
    VerdictKind.NO_BASELINE,
    VerdictKind.INCOMPARABLE,
    VerdictKind.REFUSED,
    VerdictKind.INCOMPLETE,
    VerdictKind.REGRESSION,
    VerdictKind.DIVERGED,
)
"""Least severe first: a test has the most severe of its metrics' verdicts."""


def most_severe(kinds: tuple[VerdictKind, ...]) -> VerdictKind:
    """The gravest of one or more verdicts."""
    return max(kinds, key=SEVERITY.index)


class Colour(StrEnum):
    """What a verdict does to the run: only ``RED`` fails it."""

    GREEN = "green"
    YELLOW = "yellow"
    RED = "red"


@dataclass(frozen=True, slots=True)
class MetricVerdict:
    """The verdict on one metric.

    ``baseline`` and ``candidate`` hold the values by seed that the verdict rests on. ``declared``
    is the margin as the test wrote it, ``alpha`` the level of this one comparison (the suite's
    divided by its number of comparisons), ``level`` the part of it that the deciding look may
    spend, None where there was one look only, or what one relabelling for all metrics of the test
    allowed this one. ``comparison`` is None where nothing was compared.
    ``recorded_margin`` is the margin that the baseline was recorded with, in metric units or
    ``"auto"``, None without a baseline; it decides nothing. ``run_effect`` is what the runs before
    differ by, None where they tell nothing.
    """

    name: str
    kind: VerdictKind
    higher_is_better: bool
    declared: MarginLike
    alpha: float
    baseline: Mapping[int, float] = field(default_factory=dict)
    candidate: Mapping[int, float] = field(default_factory=dict)
    comparison: Comparison | None = None
    level: float | None = None
    recorded_margin: MarginLike | None = None
    run_effect: RunEffect | None = None
    reasons: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """The verdict on one test: one line of the summary, one report to pytest.

    ``test`` is pytest's node id without the seed. ``reasons`` say why, ``next_steps`` what to do,
    a command where there is one. ``environment`` lists how this environment differs from the
    baseline's. ``seeds`` holds every seed that was reported, ``planned`` and ``selected`` the
    seeds of the declaration and those that ``-k``, a node id or ``--lf`` left. ``decided_after``
    is the number of seeds that the verdict rests on.
    """

    test: str
    tier: str
    kind: VerdictKind
    colour: Colour
    metrics: tuple[MetricVerdict, ...] = ()
    seeds: tuple[SeedResult, ...] = ()
    planned: tuple[int, ...] = ()
    selected: tuple[int, ...] = ()
    decided_after: int = 0
    reasons: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    next_steps: tuple[str, ...] = ()
    environment: tuple[str, ...] = ()
    baseline_commit: str | None = None

    @property
    def stopped(self) -> tuple[int, ...]:
        """The seeds that did not have to run."""
        return tuple(seed.seed for seed in self.seeds if seed.outcome == "stopped")

    @property
    def duration(self) -> float:
        """Seconds of all its seeds together."""
        return sum(seed.duration for seed in self.seeds)
