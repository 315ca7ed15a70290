"""What all the reports of a run are written from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from pytest_mlregress.verdicts.verdict import SEVERITY, Colour, MetricVerdict, Verdict, VerdictKind


class ReportError(Exception):
    """A report that could not be written; the message names the file and the remedy."""


@dataclass(frozen=True, slots=True)
class RunReport:
    """One run of the suite, with everything that a reader of its reports may ask for.

    ``settings`` are the active settings by name. ``notes`` are lines for the end of the summary,
    such as unused baselines. ``alpha`` is the chance that an unchanged suite shows any false red,
    shared by ``comparisons`` metrics. ``duration`` is the wall time in seconds, ``started`` an
    ISO 8601 time, ``command`` the command line, ``version`` that of the plugin and ``environment``
    what the run ran on. ``q_values`` are false-discovery rates by ``(test, tier, metric)``, where
    they were computed.
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

    def q_value(self, verdict: Verdict, metric: MetricVerdict) -> float | None:
        """The false-discovery rate of a metric's comparison, where it was computed."""
        return self.q_values.get((verdict.test, verdict.tier, metric.name))

    @property
    def gravest_first(self) -> tuple[Verdict, ...]:
        """The verdicts in the order in which they should be read; equals by test and tier."""
        return tuple(sorted(self.verdicts, key=_gravity))

    @property
    def totals(self) -> Totals:
        """The counts under the summary."""
        outcomes = Counter(seed.outcome for verdict in self.verdicts for seed in verdict.seeds)
        return Totals(
            tests=len(self.verdicts),
            kinds=Counter(verdict.kind for verdict in self.verdicts),
            colours=Counter(verdict.colour for verdict in self.verdicts),
            seeds_run=outcomes.total() - outcomes["stopped"] - outcomes["skipped"],
            seeds_saved=outcomes["stopped"],
            training=sum(verdict.duration for verdict in self.verdicts),
        )


@dataclass(frozen=True, slots=True)
class Totals:
    """Counts over a run. ``training`` is in seconds, all seeds of all tests together."""

    tests: int
    kinds: Mapping[VerdictKind, int]
    colours: Mapping[Colour, int]
    seeds_run: int
    seeds_saved: int
    training: float

    @property
    def by_gravity(self) -> tuple[tuple[VerdictKind, int], ...]:
        """Each verdict that occurred with its count, the gravest first."""
        return tuple((kind, self.kinds[kind]) for kind in reversed(SEVERITY) if self.kinds[kind])


def gravest_metrics_first(verdict: Verdict) -> tuple[MetricVerdict, ...]:
    """A test's metrics in the order in which they should be read; equals as they were recorded."""
    return tuple(sorted(verdict.metrics, key=lambda metric: -SEVERITY.index(metric.kind)))


_COLOURS = (Colour.RED, Colour.YELLOW, Colour.GREEN)


def _gravity(verdict: Verdict) -> tuple[int, int, str, str]:
    return (
        _COLOURS.index(verdict.colour),
        -SEVERITY.index(verdict.kind),
        verdict.test,
        verdict.tier,
    )
