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
    from pytest_mlregress.statistics.pair_tests import PairPValues
    from pytest_mlregress.statistics.run_effect import RunEffect
    from pytest_mlregress.verdicts.since import Since


class VerdictKind(StrEnum):
    """The rows of the verdict table."""

    IDENTICAL = "identical"
    UNCHANGED = "unchanged"
    """Not run: nothing that the seeds read has changed since the baseline."""
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
    VerdictKind.UNCHANGED,
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


FOLDABLE: Final = frozenset(
    {
        VerdictKind.IDENTICAL,
        VerdictKind.UNCHANGED,
        VerdictKind.PASS,
        VerdictKind.IMPROVEMENT,
        VerdictKind.RECORDED,
        VerdictKind.SKIPPED,
    }
)
"""Verdicts that need no action: tests and metrics that have them are named in a few words."""


def most_severe(kinds: tuple[VerdictKind, ...]) -> VerdictKind:
    """The most severe of one or more verdicts.

    Args:
        kinds: the verdicts, at least one.

    Returns:
        The verdict.
    """
    return max(kinds, key=SEVERITY.index)


class Colour(StrEnum):
    """What a verdict does to the run: only ``RED`` fails it."""

    GREEN = "green"
    YELLOW = "yellow"
    RED = "red"


@dataclass(frozen=True, slots=True)
class MetricVerdict:
    """The verdict on one metric.

    Attributes:
        name: the name of the metric.
        kind: the verdict.
        higher_is_better: the metric's direction.
        declared: the margin as the test wrote it.
        alpha: level of this one comparison: the suite's divided by its number of comparisons.
        baseline: the baseline's values by seed that the verdict rests on.
        candidate: the candidate's.
        comparison: their comparison; None if nothing was compared.
        level: the part of alpha that the deciding look may spend, None if there was one look only,
            or what one relabelling for all metrics of the test gave this one.
        recorded_margin: the margin that the baseline was recorded with, in metric units or
            ``"auto"``, None without a baseline; it decides nothing.
        run_effect: how much earlier runs differ beyond their seeds, None without an estimate.
        base: what the base of live pairs is called; None for a check against a baseline.
        same_side_spread: of live pairs, how far two runs of one side would differ here by chance:
            the half-width of a 95 % interval, in metric units; None for any other comparison.
        pair_pvalues: of live pairs, the p-values of harm behind that of the comparison; None if
            another test judged.
        unit: what one value is of: a seed, or what a file has a value of.
        confirmation: what fresh seeds of both sides said of a loss, in a few words; empty where it
            was not tested on any.
        reasons: why.
        notes: remarks that do not change the verdict.
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
    base: str | None = None
    same_side_spread: float | None = None
    pair_pvalues: PairPValues | None = None
    unit: str = "seed"
    confirmation: str = ""
    reasons: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """The verdict on one test: one line of the summary, one report to pytest.

    Attributes:
        test: pytest's node id without the seed.
        tier: the tier.
        kind: the verdict.
        colour: its effect on the run.
        metrics: the verdict on each metric.
        seeds: every seed that was reported.
        planned: the seeds of the declaration.
        selected: those left by ``-k``, a node id or ``--lf``.
        decided_after: number of seeds that the verdict rests on.
        reasons: why.
        notes: remarks that do not change the verdict.
        next_steps: what to do, with a command if there is one.
        environment: how the environment differs from the baseline's.
        baseline_commit: the commit that the baseline was recorded at, None if unknown.
        base: what the base of live pairs is called; None for a check against a baseline.
        base_seeds: every seed of the base that was reported.
        fresh_seeds: those of both sides that a loss was tested on once more.
        since: what lies between the baseline's commit, or the base's, and the code under test; None
            where git cannot tell.
        unit: what one value is of: a seed, or what a file has a value of.
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
    base: str | None = None
    base_seeds: tuple[SeedResult, ...] = ()
    fresh_seeds: tuple[SeedResult, ...] = ()
    since: Since | None = None
    unit: str = "seed"

    @property
    def stopped(self) -> tuple[int, ...]:
        """The seeds that were not needed."""
        return tuple(seed.seed for seed in self.seeds if seed.outcome == "cancelled")

    @property
    def duration(self) -> float:
        """Seconds of all its seeds that were trained in this run, on both sides."""
        seeds = (*self.seeds, *self.base_seeds, *self.fresh_seeds)
        return sum(seed.duration for seed in seeds if not seed.cached)
