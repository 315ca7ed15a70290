"""The numbers of an ablation: what the seeds of all cells recorded, metric by metric."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from pytest_mlregress.margins import MarginLike
from pytest_mlregress.running.result import RecordedMetric, SeedResult

if TYPE_CHECKING:
    from pytest_mlregress.statistics.factorial_designs import CellKey

__all__ = ["PASSING", "MetricValues", "metric_values"]

PASSING: Final = "passing"
"""The metric of a test that records none: 1 for a seed that passes, else 0."""

_MARGIN_OF_PASSING: Final = 0.1
"""A tenth of the seeds."""


@dataclass(frozen=True, slots=True)
class MetricValues:
    """One metric of one test.

    Attributes:
        metric: its name.
        higher_is_better: its direction.
        margin: the margin as the test declares it.
        values: by cell and seed, in metric units; infinite at the bad end for a failed seed.
        differing: cells in which it is another metric, each with the reason.
    """

    metric: str
    higher_is_better: bool
    margin: MarginLike
    values: Mapping[CellKey, Mapping[int, float]]
    differing: Mapping[CellKey, str]


def metric_values(
    results: Mapping[CellKey, Mapping[int, SeedResult]], *, only: str | None
) -> list[MetricValues]:
    """What the seeds of a test recorded.

    A seed that failed counts at the bad end of every metric, whatever it had recorded before.

    Args:
        results: by cell and seed; the first cell says what each metric is.
        only: the name of the one metric to take; None for all.

    Returns:
        The metrics in the order of recording; `PASSING` alone where no seed recorded any. None of
        them where `only` is not among them.
    """
    known: dict[str, RecordedMetric] = {}
    for sample in results.values():
        for result in sample.values():
            for metric in result.metrics:
                known.setdefault(metric.name, metric)
    if not known:
        return [_passing(results)] if only in (None, PASSING) else []
    return [_values(results, m) for name, m in known.items() if only in (None, name)]


def _passing(results: Mapping[CellKey, Mapping[int, SeedResult]]) -> MetricValues:
    values = {
        cell: {seed: float(not _failed(result)) for seed, result in sample.items()}
        for cell, sample in results.items()
    }
    return MetricValues(PASSING, True, _MARGIN_OF_PASSING, values, {})


def _values(
    results: Mapping[CellKey, Mapping[int, SeedResult]], metric: RecordedMetric
) -> MetricValues:
    values: dict[CellKey, dict[int, float]] = {}
    differing: dict[CellKey, str] = {}
    for cell, sample in results.items():
        recorded = [result.metric(metric.name) for result in sample.values() if not _failed(result)]
        reason = _difference(metric, recorded)
        if reason:
            differing[cell] = reason
            continue
        values[cell] = {seed: _value(result, metric) for seed, result in sample.items()}
    return MetricValues(metric.name, metric.higher_is_better, metric.margin, values, differing)


def _value(result: SeedResult, metric: RecordedMetric) -> float:
    bad_end = -math.inf if metric.higher_is_better else math.inf
    recorded = result.metric(metric.name)
    if _failed(result) or recorded is None or math.isnan(recorded.value):
        return bad_end
    return recorded.value


def _difference(metric: RecordedMetric, recorded: Sequence[RecordedMetric | None]) -> str:
    """Why a cell's values cannot be compared; empty where they can."""
    if recorded and all(found is None for found in recorded):
        return f"does not record {metric.name}"
    for found in _present(recorded):
        if found.version != metric.version:
            return f"records version {found.version} of {metric.name}, not {metric.version}"
        if found.higher_is_better != metric.higher_is_better:
            better = "higher" if found.higher_is_better else "lower"
            return f"records {metric.name} as {better} is better"
    return ""


def _present(recorded: Iterable[RecordedMetric | None]) -> list[RecordedMetric]:
    return [found for found in recorded if found is not None]


def _failed(result: SeedResult) -> bool:
    return result.outcome not in ("finished", "xfailed")
