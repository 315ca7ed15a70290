"""What a curve is made of, and what was found."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from pytest_mlregress.revisions.command_error import CommandError
from pytest_mlregress.running.result import RecordedMetric, SeedResult
from pytest_mlregress.statistics.sample_efficiency import BandPoint, ReachedLevel

Over: TypeAlias = Literal["steps", "data"]

PART: Final = 0.9
"""The part of the end that the sentence is about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CurveResult:
    """A metric against the steps or the data.

    Attributes:
        test: the node id without the seed.
        tier: the tier.
        metric: the metric.
        curve: the name of the learning curve; None over data.
        over: what it is drawn against.
        higher_is_better: the direction of the metric.
        seeds: the seeds that it rests on.
        last_step: the step at share 1; None over data.
        from_zero: whether the steps count from 0, so that after step 2 three are done.
        table: the points of the table.
        line: the points of the plot.
        reached: where it reaches `PART` of its end.
        notes: what the reader should know, one sentence each.
    """

    test: str
    tier: str
    metric: str
    curve: str | None
    over: Over
    higher_is_better: bool
    seeds: tuple[int, ...]
    last_step: float | None
    from_zero: bool
    table: tuple[BandPoint, ...]
    line: tuple[BandPoint, ...]
    reached: ReachedLevel
    notes: tuple[str, ...]

    def step_at(self, share: float) -> float | None:
        """The step after which that share of the training is done; None over data."""
        if self.last_step is None:
            return None
        return share * (self.last_step + self.from_zero) - self.from_zero


def chosen_metric(results: Sequence[SeedResult], name: str | None, test: str) -> RecordedMetric:
    """The metric that is asked for.

    Args:
        results: of seeds that passed, at least one.
        name: its name; None for the only one.
        test: the test, for messages.

    Returns:
        The metric, as a seed recorded it.

    Raises:
        CommandError: there is none of that name, or several and no name.
    """
    metrics = {metric.name: metric for result in results for metric in result.metrics}
    if not metrics:
        raise CommandError(
            f"{test} records no metric; call mlregress.record(name, value, higher_is_better=...)"
        )
    names = ", ".join(metrics)
    if name is None:
        if len(metrics) > 1:
            raise CommandError(f"{test} has several metrics: {names}; choose one with --metric")
        return next(iter(metrics.values()))
    if name not in metrics:
        raise CommandError(f"--metric {name}: {test} records no such metric; it has {names}")
    return metrics[name]


def finite_values(
    by_share: Mapping[float, Sequence[SeedResult]], metric: str
) -> dict[int, tuple[float, ...]]:
    """The values of the seeds that have a finite one at every share.

    Args:
        by_share: the results of the seeds at each share of the data.
        metric: the metric.

    Returns:
        By seed, one value per share, in the order of the shares.
    """
    values = _values(by_share, metric)
    return {
        seed: tuple(found.values())
        for seed, found in sorted(values.items())
        if len(found) == len(by_share) and all(map(math.isfinite, found.values()))
    }


def left_out(by_share: Mapping[float, Sequence[SeedResult]], metric: str) -> list[str]:
    """Which seeds that passed lack a finite value, and where.

    Args:
        by_share: the results of the seeds that passed at each share of the data.
        metric: the metric.

    Returns:
        One sentence per seed.
    """
    values = _values(by_share, metric)
    sentences = []
    for seed in sorted({result.seed for results in by_share.values() for result in results}):
        places: dict[str, list[str]] = {}
        for share, results in by_share.items():
            value = values.get(seed, {}).get(share)
            passed = any(result.seed == seed for result in results)
            if passed and (value is None or not math.isfinite(value)):
                what = "not recorded" if value is None else f"{value}"
                places.setdefault(what, []).append(f"{share:.6g}")
        parts = [f"{what} at {', '.join(shares)} of the data" for what, shares in places.items()]
        if parts:
            sentences.append(f"seed {seed} is left out: {metric} is {' and '.join(parts)}")
    return sentences


def _values(
    by_share: Mapping[float, Sequence[SeedResult]], metric: str
) -> dict[int, dict[float, float]]:
    """By seed and share, the values of the seeds that passed."""
    values: dict[int, dict[float, float]] = {}
    for share, results in by_share.items():
        for result in results:
            recorded = result.metric(metric)
            if result.outcome == "finished" and recorded is not None:
                values.setdefault(result.seed, {})[share] = recorded.value
    return values
