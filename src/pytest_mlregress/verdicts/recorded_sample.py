"""What a baseline keeps of the seeds that it is recorded from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, TypedDict

from pytest_mlregress.baselines.artifact import (
    Curve,
    MetricBaseline,
    Scalar,
    Spent,
)
from pytest_mlregress.baselines.urls import shareable_values
from pytest_mlregress.running.result import SeedResult
from pytest_mlregress.verdicts.metric_samples import (
    absolute_margin,
    declared,
    metric_names,
    values_of,
)

MOST_CURVE_POINTS: Final = 50
"""A curve in an artifact is thinned to this many points, evenly over its steps."""

SPENT_DIGITS: Final = 2
"""Decimals of the seconds that an artifact keeps of a seed."""


def sample_of(ready: Sequence[SeedResult]) -> dict[str, MetricBaseline]:
    """The values of every metric, with what the test declares of it.

    Args:
        ready: the results that the baseline is recorded from.

    Returns:
        By name, the metrics.
    """
    metrics: dict[str, MetricBaseline] = {}
    for name in metric_names(ready):
        recorded = declared(ready, name)
        values = values_of(ready, name)
        metrics[name] = MetricBaseline(
            higher_is_better=recorded.higher_is_better,
            values=values,
            margin=absolute_margin(recorded, values),
            version=recorded.version,
            resolution=recorded.resolution,
        )
    return metrics


class Context(TypedDict):
    """What a baseline keeps besides its metrics.

    Attributes:
        curves: by metric and seed, its learning curve.
        params: the hyper-parameters.
        data: by name, the digest of a data set.
        spent: by seed, what it took.
    """

    curves: dict[str, dict[int, Curve]]
    params: dict[str, Scalar]
    data: dict[str, str]
    spent: dict[int, Spent]


def context_of(ready: Sequence[SeedResult]) -> Context:
    """What is kept besides the metrics; parameters are those of the first seed."""
    curves: dict[str, dict[int, Curve]] = {}
    for seed in ready:
        for name, points in seed.curves.items():
            curves.setdefault(name, {})[seed.seed] = thinned(points)
    return Context(
        curves=curves,
        params=shareable_values(ready[0].params),
        data=dict(ready[0].data),
        spent={seed.seed: _spent(seed) for seed in ready},
    )


def _spent(seed: SeedResult) -> Spent:
    """What a seed took; more digits than a reviewer reads would be noise in a diff."""
    return Spent(
        duration=round(seed.duration, SPENT_DIGITS),
        peak_memory=seed.peak_memory,
        peak_gpu_memory=seed.peak_gpu_memory,
    )


def thinned(points: Sequence[tuple[int, float]]) -> Curve:
    """At most `MOST_CURVE_POINTS` of the points, always with the first and the last.

    Args:
        points: (step, value) in order of the steps.

    Returns:
        The curve.
    """
    if len(points) <= MOST_CURVE_POINTS:
        return tuple(points)
    last = len(points) - 1
    steps = MOST_CURVE_POINTS - 1
    return tuple(points[round(k * last / steps)] for k in range(MOST_CURVE_POINTS))
