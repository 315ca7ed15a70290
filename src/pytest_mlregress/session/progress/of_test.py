"""How far one test of a run is: its seeds, how long they take and what they have recorded."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean

from pytest_mlregress.baselines.artifact import Artifact
from pytest_mlregress.reporting.progress_view import Estimate
from pytest_mlregress.running.result import RecordedMetric
from pytest_mlregress.verdicts.cost import SeedCost
from pytest_mlregress.verdicts.metric_samples import absolute_margin

MOST_ESTIMATES = 3
"""So many metrics of a test are shown."""


@dataclass(slots=True)
class RunningTest:
    """One test of the run.

    Attributes:
        test: the node id without the seed.
        seeds: its selected seeds.
        first_look: how many of them an update looks at first; 0 in a check.
        baseline: its baseline; None without one.
        cost: what one seed took before; None where that is unknown.
        ended: the seeds that have ended.
        base_ended: those of the base that have, in an A/B run.
        durations: what the seeds took that were trained in this run.
        metrics: by name and seed, what the seeds recorded.
        base_metrics: the same of the seeds of the base; None outside an A/B run.
        decided: whether it has a verdict.
    """

    test: str
    seeds: tuple[int, ...]
    first_look: int = 0
    baseline: Artifact | None = None
    cost: SeedCost | None = None
    ended: set[int] = field(default_factory=set)
    base_ended: set[int] = field(default_factory=set)
    durations: list[float] = field(default_factory=list)
    metrics: dict[str, dict[int, RecordedMetric]] = field(default_factory=dict)
    base_metrics: dict[str, dict[int, RecordedMetric]] | None = None
    decided: bool = False

    @property
    def remaining(self) -> int:
        """How many of its seeds are still expected to train."""
        if self.decided:
            return 0
        # An update goes beyond its first look only where that is undecided.
        target = len(self.seeds)
        if len(self.ended) < self.first_look:
            target = min(target, self.first_look)
        return max(target - len(self.ended), 0)

    def estimates(self) -> tuple[Estimate, ...]:
        """The difference of each metric from what the test is compared with.

        Beside a base the seeds count that have ended on both sides.
        """
        return tuple(self._estimates())[:MOST_ESTIMATES]

    def _estimates(self) -> Iterable[Estimate]:
        for name, recorded in self.metrics.items():
            before = self._before(name)
            after = recorded
            if self.base_metrics is not None:
                after = {seed: one for seed, one in recorded.items() if seed in before}
                before = {seed: before[seed] for seed in after}
            if not before:
                continue
            difference = fmean(one.value for one in after.values()) - fmean(before.values())
            if not math.isfinite(difference):
                continue
            try:
                margin = absolute_margin(next(iter(after.values())), before)
            except ValueError:
                margin = None  # its verdict will tell
            yield Estimate(name, difference, margin)

    def _before(self, name: str) -> Mapping[int, float]:
        """By seed, the values of a metric that its new ones are compared with."""
        if self.base_metrics is not None:
            return {seed: one.value for seed, one in self.base_metrics.get(name, {}).items()}
        recorded = self.baseline.metrics if self.baseline is not None else {}
        return recorded[name].values if name in recorded else {}

    def each(self, running: Sequence[float], speed: float, other: float | None) -> float | None:
        """What one more seed of the test takes.

        Args:
            running: for how many seconds its seeds train that have not ended. Each is the least
                that a seed takes, and counts where it is more than was expected.
            speed: how much longer seeds take here than when their baselines were recorded.
            other: what a seed of any other test takes; None where that is unknown.

        Returns:
            Seconds; None where nothing is known.
        """
        if self.durations:
            expected = fmean(self.durations)
            return fmean([*self.durations, *(one for one in running if one > expected)])
        recorded = self.cost.seconds * speed if self.cost is not None else other
        return max(recorded, *running, 0.0) if recorded is not None else None
