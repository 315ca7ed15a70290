"""Two results of a test, compared bit for bit."""

from __future__ import annotations

from pytest_mlregress.running.result import SeedResult

__all__ = ["first_difference"]


def first_difference(first: SeedResult, other: SeedResult) -> str:
    """The first point of a curve, or else the first metric, with other bits.

    Args:
        first: one result.
        other: another one of the same test.

    Returns:
        It in words, with both values to the last digit; empty where all bits are equal.
    """
    points = [
        (step, name, value, dict(other.curves.get(name, ())).get(step))
        for name, curve in first.curves.items()
        for step, value in curve
    ]
    for step, name, value, there in sorted(points, key=lambda point: (point[0], point[1])):
        if there is None or float(value).hex() != float(there).hex():
            return f"{name} {value!r} and {there!r} at step {step}"
    for metric in first.metrics:
        twin = other.metric(metric.name)
        if twin is None or float(metric.value).hex() != float(twin.value).hex():
            return f"{metric.name} {metric.value!r} and {twin.value if twin else None!r}"
    return ""
