"""Which number of the test the search is about, and what a seed's result is worth by it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final

from pytest_mlregress.margins import MarginLike, read_margin
from pytest_mlregress.revisions.bisection.state_seed import StateSeed
from pytest_mlregress.revisions.command_error import CommandError
from pytest_mlregress.running.result import RecordedMetric, SeedResult

__all__ = ["PASSING", "SearchedMetric", "choose_metric"]

PASSING: Final = "passing"
"""The name for a test that records no metric: a seed passes or fails."""


@dataclass(frozen=True, slots=True)
class SearchedMetric:
    """The number whose loss is searched for.

    Attributes:
        name: the name of the metric, or `PASSING`.
        higher_is_better: its direction.
        margin: the smallest loss that matters, in metric units; None for one standard deviation of
            the seeds.
        why: why it was chosen among several, as a clause; empty for the only one.
        needs: for `PASSING`, the metric that a seed must record a finite number of besides passing;
            empty for none.
    """

    name: str
    higher_is_better: bool
    margin: float | None
    why: str = ""
    needs: str = ""

    def value(self, result: SeedResult) -> float:
        """What a result is worth.

        Args:
            result: of a seed.

        Returns:
            The metric, oriented so that higher is better; ``-inf`` for a seed that failed, did not
            record it, or recorded no number.
        """
        if result.outcome != "finished":
            return -math.inf
        if self.name == PASSING:
            needed = result.metric(self.needs) if self.needs else None
            lacking = bool(self.needs) and (needed is None or not math.isfinite(needed.value))
            return -math.inf if lacking else 1.0
        metric = result.metric(self.name)
        if metric is None or math.isnan(metric.value):
            return -math.inf
        return metric.value if self.higher_is_better else -metric.value

    def as_recorded(self, oriented: float) -> float:
        """An oriented value or change in the metric's own direction.

        Args:
            oriented: higher is better.

        Returns:
            The value as a seed records it.
        """
        return oriented if self.higher_is_better or not oriented else -oriented

    def interval_as_recorded(self, oriented: tuple[float, float]) -> tuple[float, float]:
        """An oriented interval in the metric's own direction.

        Args:
            oriented: its ends, higher is better.

        Returns:
            The ends, the lower one first.
        """
        low, high = sorted(self.as_recorded(end) for end in oriented)
        return low, high


def choose_metric(
    good: Sequence[StateSeed], bad: Sequence[StateSeed], wanted: str | None
) -> SearchedMetric:
    """The metric to search by, from the first seeds at both ends.

    Args:
        good: seeds at the good end.
        bad: the same seeds at the bad end.
        wanted: the name that the user gave; None for the metric that lost most.

    Returns:
        The metric.

    Raises:
        CommandError: no seed recorded a metric of that name, or no metric is recorded at both ends.
    """
    metrics = _recorded((*good, *bad))
    if wanted is not None:
        if wanted not in metrics:
            raise CommandError(_unknown(wanted, metrics))
        return _searched(metrics[wanted], good)
    if not metrics:
        return SearchedMetric(PASSING, higher_is_better=True, margin=None)
    metrics = _at_both(metrics, good, bad)
    if len(metrics) == 1:
        (only,) = metrics.values()
        return _searched(only, good)
    losses = {name: _standardized_loss(metric, good, bad) for name, metric in metrics.items()}
    worst = max(losses, key=lambda name: losses[name])
    if losses[worst] <= 0:
        why = f"the closest to a loss of {len(metrics)} metrics in the first seeds"
    else:
        why = f"the largest loss of {len(metrics)} metrics in the first seeds"
    return _searched(metrics[worst], good, why)


def _recorded(seeds: Iterable[StateSeed]) -> Mapping[str, RecordedMetric]:
    found: dict[str, RecordedMetric] = {}
    for seed in seeds:
        for metric in seed.result.metrics if seed.result is not None else ():
            found.setdefault(metric.name, metric)
    return found


def _at_both(
    metrics: Mapping[str, RecordedMetric], good: Sequence[StateSeed], bad: Sequence[StateSeed]
) -> Mapping[str, RecordedMetric]:
    """The metrics of both ends: one that only one end records has lost nothing."""
    before, after = _recorded(good), _recorded(bad)
    both = {name: metric for name, metric in metrics.items() if name in before and name in after}
    if not both:
        raise CommandError(
            f"no metric is recorded at both ends (good: {_names(before)}; bad: {_names(after)}); "
            "name one with --metric to see between which commits it is recorded"
        )
    return both


def _names(metrics: Mapping[str, RecordedMetric]) -> str:
    return ", ".join(metrics) or "none"


def _searched(metric: RecordedMetric, good: Sequence[StateSeed], why: str = "") -> SearchedMetric:
    plain = SearchedMetric(metric.name, metric.higher_is_better, None, why)
    values = [value for value in _values(plain, good) if math.isfinite(value)]
    return SearchedMetric(
        metric.name, metric.higher_is_better, _margin_in_units(metric.margin, values), why
    )


def _margin_in_units(margin: MarginLike, good: Sequence[float]) -> float | None:
    """A declared margin in metric units; None where it is a matter of the seeds' spread."""
    kind, amount = read_margin(margin)
    if kind == "absolute":
        return amount or None
    if kind == "relative" and good:
        return amount * abs(sum(good) / len(good)) or None
    return None


def _standardized_loss(
    metric: RecordedMetric, good: Sequence[StateSeed], bad: Sequence[StateSeed]
) -> float:
    """The mean loss from good to bad in standard deviations of the seeds; infinite for failures."""
    plain = SearchedMetric(metric.name, metric.higher_is_better, None)
    before, after = _values(plain, good), _values(plain, bad)
    if not before or not after or -math.inf in before:
        return -math.inf
    if -math.inf in after:
        return math.inf
    loss = sum(before) / len(before) - sum(after) / len(after)
    spread = max(_variance(before), _variance(after)) ** 0.5
    # Two or three seeds that happen to agree must not make a tiny loss look infinite.
    floor = 1e-3 * max(map(abs, (*before, *after)))
    return loss / max(spread, floor) if loss else 0.0


def _values(metric: SearchedMetric, seeds: Iterable[StateSeed]) -> list[float]:
    return [metric.value(seed.result) for seed in seeds if seed.result is not None]


def _variance(values: Sequence[float]) -> float:
    if len(values) < 2:
        return 0.0
    mean = sum(values) / len(values)
    return sum((value - mean) ** 2 for value in values) / (len(values) - 1)


def _unknown(wanted: str, metrics: Mapping[str, RecordedMetric]) -> str:
    if not metrics:
        return (
            f"no seed at either end recorded the metric {wanted}, nor any other; without --metric "
            "the search is for the commit that makes seeds fail"
        )
    close = get_close_matches(wanted, metrics, n=3, cutoff=0.6) or list(metrics)
    return (
        f"no seed at either end recorded the metric {wanted}; the test records: {', '.join(close)}"
    )
