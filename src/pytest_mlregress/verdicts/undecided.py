"""A test that waits for more seeds: which of them cannot decide it yet.

A suite has ten thousand tests, and each of them is asked for its verdict after every seed. Between
two looks only a seed that failed, or recorded something else than the others, can change that.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pytest_mlregress.baselines.artifact import Artifact
from pytest_mlregress.running.result import SeedResult
from pytest_mlregress.verdicts.policy import Rules
from pytest_mlregress.verdicts.shortfalls import Shortfall


@dataclass(slots=True)
class Undecided:
    """What was found when a test was judged and had no verdict.

    Attributes:
        baseline: what it was compared with.
        rules: how it was judged.
        environment: in which the seeds trained.
        first: the result of its first seed.
        short: the metrics that its seeds cannot decide on; None before that was asked.
        seeds: the least number of seeds with which it may have a verdict.
    """

    baseline: Artifact
    rules: Rules
    environment: Mapping[str, Any] | None
    first: SeedResult
    short: tuple[Shortfall, ...] | None
    seeds: int
    _known: dict[int, SeedResult] = field(default_factory=dict)

    def holds(
        self, environment: Mapping[str, Any] | None, results: Mapping[int, SeedResult]
    ) -> bool:
        """Whether the test has no verdict with these results either.

        Args:
            environment: in which the seeds trained.
            results: the results so far.

        Returns:
            True only if it is certain.
        """
        if len(results) >= self.seeds or environment is not self.environment:
            return False
        for seed, result in results.items():
            if self._known.get(seed) is not result:
                if not _alike(result, self.first):
                    return False
                self._known[seed] = result
        return True

    def is_of(self, baseline: Artifact | None, rules: Rules) -> bool:
        """Whether it was found with these.

        Args:
            baseline: what the test is compared with.
            rules: how it is judged.

        Returns:
            Whether both are the very same.
        """
        return baseline is self.baseline and rules is self.rules


def _alike(result: SeedResult, first: SeedResult) -> bool:
    """Whether a seed passed, and recorded what the first one did but for the values."""
    if result.outcome != "finished" or result.data != first.data:
        return False
    if len(result.metrics) != len(first.metrics):
        return False
    return all(
        metric.name == other.name
        and metric.higher_is_better == other.higher_is_better
        and metric.margin == other.margin
        and metric.version == other.version
        and metric.resolution == other.resolution
        for metric, other in zip(result.metrics, first.metrics, strict=True)
    )
