"""What all the reports of a run are written from."""

from __future__ import annotations

import posixpath
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import TYPE_CHECKING

from pytest_mlregress.baselines.artifact import Artifact
from pytest_mlregress.baselines.provenance import WorkingTree
from pytest_mlregress.reporting.shard_of_run import ShardOfRun
from pytest_mlregress.running.seed_outcome import NOT_RUN
from pytest_mlregress.timeline.spans import RunTimeline
from pytest_mlregress.verdicts.judged_test import JudgedTest
from pytest_mlregress.verdicts.verdict import SEVERITY, Colour, MetricVerdict, Verdict, VerdictKind

if TYPE_CHECKING:
    from pytest_mlregress.reporting.sides import Sides


class ReportError(Exception):
    """A report that could not be written; the message names the file and the remedy."""


@dataclass(frozen=True, slots=True)
class RunReport:
    """One run of the suite, with everything that its reports show.

    Attributes:
        verdicts: the verdicts of all tests.
        settings: the active settings by name.
        notes: lines for the end of the summary, such as unused baselines.
        comparisons: number of metrics that share ``alpha``.
        alpha: probability that an unchanged suite shows any false red.
        duration: wall time, in seconds.
        started: when it began, ISO 8601.
        command: the command line.
        version: that of the plugin.
        environment: the environment of the run, in words.
        q_values: false-discovery rates by ``(test, tier, metric)``, if they were computed.
        sides: what an A/B run compared; None for any other run.
        code: the working tree; None outside git.
        machine: system, processor and interpreter in a few words; no host name.
        baselines: by test and tier, the baseline that the verdict compared with, or that an update
            has written; empty in an A/B run.
        earlier: by test and tier, earlier revisions of the baseline that the history holds, the
            latest first; only where a report shows them.
        shard: which part of the suite's seeds this run has trained, without verdicts; None for all.
        timeline: what each worker did, and when; None where nothing ran.
        trained_in_shards: by test and tier, stopped seeds that a shard had trained all the same.
        judged: by test and tier, what the verdict was reached with; without those of an update.
        places: by test, its file, relative to pytest's rootdir, and its line there, from 1.
        folder: pytest's rootdir relative to the repository, ``.`` where they are the same.
        rootdir: pytest's rootdir, which no report names: paths below it are shown relative to it;
            None where it is not known.
    """

    verdicts: tuple[Verdict, ...]
    settings: Mapping[str, object] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    comparisons: int = 0
    alpha: float = 0.05
    duration: float = 0.0
    started: str = ""
    command: str = ""
    version: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    q_values: Mapping[tuple[str, str, str], float] = field(default_factory=dict)
    sides: Sides | None = None
    code: WorkingTree | None = None
    machine: str = ""
    baselines: Mapping[tuple[str, str], Artifact] = field(default_factory=dict)
    places: Mapping[str, tuple[str, int]] = field(default_factory=dict)
    folder: str = "."
    rootdir: PurePath | None = None
    judged: Mapping[tuple[str, str], JudgedTest] = field(default_factory=dict)
    shard: ShardOfRun | None = None
    earlier: Mapping[tuple[str, str], tuple[Artifact, ...]] = field(default_factory=dict)
    trained_in_shards: Mapping[tuple[str, str], tuple[int, ...]] = field(default_factory=dict)
    timeline: RunTimeline | None = None

    def q_value(self, verdict: Verdict, metric: MetricVerdict) -> float | None:
        """The false-discovery rate of a metric's comparison, if it was computed.

        Args:
            verdict: the test.
            metric: its metric.

        Returns:
            The rate, None if it was not computed.
        """
        return self.q_values.get((verdict.test, verdict.tier, metric.name))

    def place_in_repository(self, test: str) -> tuple[str, int] | None:
        """Where a test is, as services know it that show the files of the repository.

        Args:
            test: the test.

        Returns:
            Its file, relative to the repository, and its line; None if unknown.
        """
        if test not in self.places:
            return None
        file, line = self.places[test]
        return posixpath.normpath(f"{self.folder}/{file}"), line

    @property
    def most_severe_first(self) -> tuple[Verdict, ...]:
        """The verdicts in reading order, the most severe first; equals by test and tier."""
        return tuple(sorted(self.verdicts, key=_gravity))

    @property
    def totals(self) -> Totals:
        """The counts under the summary."""
        seeds = [
            seed
            for verdict in self.verdicts
            for seed in (*verdict.seeds, *verdict.base_seeds, *verdict.fresh_seeds)
        ]
        outcomes = Counter(seed.outcome for seed in seeds)
        cached = sum(seed.cached for seed in seeds)
        return Totals(
            tests=len(self.verdicts),
            kinds=Counter(verdict.kind for verdict in self.verdicts),
            colours=Counter(verdict.colour for verdict in self.verdicts),
            seeds_run=outcomes.total() - sum(outcomes[outcome] for outcome in NOT_RUN) - cached,
            seeds_saved=outcomes["cancelled"],
            seeds_cached=cached,
            seeds_unchanged=outcomes["unchanged"],
            seeds_failed=sum(
                seed.outcome == "failed" and not seed.cached
                for verdict in self.verdicts
                for seed in verdict.seeds
            ),
            training=sum(verdict.duration for verdict in self.verdicts),
        )


@dataclass(frozen=True, slots=True)
class Totals:
    """Counts over a run.

    Attributes:
        tests: number of verdicts.
        kinds: number of tests by verdict.
        colours: number of tests by colour.
        seeds_run: seeds that trained, on both sides of an A/B run or of a confirmation.
        seeds_saved: seeds that were not needed.
        seeds_cached: seeds of earlier runs that were taken from the cache.
        seeds_unchanged: seeds that did not run, since nothing that they read has changed.
        training: seconds of all seeds of all tests together.
        seeds_failed: those of the seeds that ran, on the candidate's side, that failed.
    """

    tests: int
    kinds: Mapping[VerdictKind, int]
    colours: Mapping[Colour, int]
    seeds_run: int
    seeds_saved: int
    training: float
    seeds_cached: int = 0
    seeds_unchanged: int = 0
    seeds_failed: int = 0

    @property
    def by_severity(self) -> tuple[tuple[VerdictKind, int], ...]:
        """Each verdict that occurred with its count, the most severe first."""
        return tuple((kind, self.kinds[kind]) for kind in reversed(SEVERITY) if self.kinds[kind])


def most_severe_metrics_first(verdict: Verdict) -> tuple[MetricVerdict, ...]:
    """A test's metrics in reading order, the most severe first; equals as they were recorded.

    Args:
        verdict: the test.

    Returns:
        Its metrics.
    """
    return tuple(sorted(verdict.metrics, key=lambda metric: -SEVERITY.index(metric.kind)))


_COLOURS = (Colour.RED, Colour.YELLOW, Colour.GREEN)


def _gravity(verdict: Verdict) -> tuple[int, int, str, str]:
    return (
        _COLOURS.index(verdict.colour),
        -SEVERITY.index(verdict.kind),
        verdict.test,
        verdict.tier,
    )
