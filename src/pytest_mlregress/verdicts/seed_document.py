"""Between a seed's result and the JSON document that a report holds of it.

Nothing of a result is left out, and numbers keep all their digits, so that whoever has a report can
judge its seeds again.
"""

from __future__ import annotations

from typing import Any, Final, cast

from pytest_mlregress.baselines.json_reader import Node
from pytest_mlregress.baselines.urls import shareable, shareable_values
from pytest_mlregress.running.result import RecordedMetric, SeedResult
from pytest_mlregress.running.seed_outcome import SEED_OUTCOMES, SeedOutcome

Document = dict[str, Any]


def seed_document(result: SeedResult) -> Document:
    """A seed as JSON values.

    Args:
        result: what the seed gave.

    Returns:
        Mappings, lists and plain values; numbers may be non-finite.
    """
    return {
        "seed": result.seed,
        "outcome": result.outcome,
        "duration": result.duration,
        "peak_memory": result.peak_memory,
        "peak_gpu_memory": result.peak_gpu_memory,
        "cached": result.cached,
        "metrics": [_from_metric(metric) for metric in result.metrics],
        "curves": {
            name: [list(point) for point in points] for name, points in result.curves.items()
        },
        "params": shareable_values(result.params),
        "data": result.data,
        "data_fraction": result.data_fraction,
        "message": shareable(result.message),
        "captured": shareable(result.captured),
        "traceback": shareable(result.traceback),
    }


def seed_result(node: Node) -> SeedResult:
    """The inverse of `seed_document`.

    Args:
        node: the document.

    Returns:
        What the seed gave.

    Raises:
        ArtifactError: a value is missing, or of another kind than the format says.
    """
    optional = tuple(name for name, _ in node.entries())
    part = node.fields(*_FIELDS, optional=optional)
    outcome = part["outcome"]
    if outcome.text() not in SEED_OUTCOMES:
        outcome.fail(f"one of {', '.join(sorted(SEED_OUTCOMES))}")
    fraction = part["data_fraction"]
    return SeedResult(
        seed=part["seed"].whole(),
        outcome=cast("SeedOutcome", outcome.value),
        metrics=tuple(_to_metric(metric) for metric in part["metrics"].items()),
        curves={name: _to_points(points) for name, points in part["curves"].entries()},
        params={name: param.value for name, param in part["params"].entries()},
        data={name: digest.text() for name, digest in part["data"].entries()},
        duration=part["duration"].number(),
        message=part["message"].text(),
        data_fraction=None if fraction.value is None else fraction.number(),
        cached=part["cached"].flag(),
        peak_memory=part["peak_memory"].optional_whole(),
        peak_gpu_memory=part["peak_gpu_memory"].optional_whole(),
        captured=part["captured"].text(),
        traceback=part["traceback"].text(),
    )


_FIELDS: Final = tuple(seed_document(SeedResult(0, "finished")))


def _from_metric(metric: RecordedMetric) -> Document:
    return {"name": metric.name, "value": metric.value, **metric.settings}


def _to_metric(node: Node) -> RecordedMetric:
    optional = tuple(name for name, _ in node.entries())
    part = node.fields(
        *("name", "value", "higher_is_better", "margin", "version", "resolution"),
        optional=optional,
    )
    margin, resolution = part["margin"], part["resolution"]
    return RecordedMetric(
        name=part["name"].text(),
        value=part["value"].number(),
        higher_is_better=part["higher_is_better"].flag(),
        margin=margin.value if isinstance(margin.value, (str, int)) else margin.number(),
        version=part["version"].whole(),
        resolution=None if resolution.value is None else resolution.number(),
    )


def _to_points(node: Node) -> tuple[tuple[int, float], ...]:
    points = (point.row(2, "a step and a value") for point in node.items())
    return tuple((step.whole(), value.number()) for step, value in points)
