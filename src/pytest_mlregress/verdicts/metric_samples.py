"""The values of a test's seeds by metric, checked for what rules a comparison out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from pytest_mlregress.baselines.artifact import Artifact, MetricBaseline
from pytest_mlregress.margins import MarginLike
from pytest_mlregress.running.result import RecordedMetric, SeedResult


def metric_names(results: Sequence[SeedResult]) -> tuple[str, ...]:
    """Every metric that any of the seeds recorded, in the order of recording.

    Args:
        results: the results of the seeds.

    Returns:
        The names.
    """
    return tuple(dict.fromkeys(metric.name for seed in results for metric in seed.metrics))


def declared(results: Sequence[SeedResult], name: str) -> RecordedMetric:
    """The metric as the first seed that has it recorded it.

    Args:
        results: the results of the seeds.
        name: the name of the metric.

    Returns:
        The metric with that seed's value.
    """
    return next(metric for seed in results if (metric := seed.metric(name)) is not None)


def values_of(results: Sequence[SeedResult], name: str) -> dict[int, float]:
    """The metric's values by seed.

    Args:
        results: the results of the seeds.
        name: the name of the metric.

    Returns:
        The values, in metric units.
    """
    return {
        seed.seed: metric.value for seed in results if (metric := seed.metric(name)) is not None
    }


def contradictions(results: Sequence[SeedResult]) -> tuple[str, ...]:
    """What the seeds of one test disagree on, though it must be the same in all of them.

    Args:
        results: the results of the seeds.

    Returns:
        One sentence per contradiction.
    """
    found: list[str] = []
    for name in metric_names(results):
        first = declared(results, name)
        for seed in results:
            metric = seed.metric(name)
            if metric is None:
                having = next(other.seed for other in results if other.metric(name) is not None)
                found.append(
                    f"seed {seed.seed} did not record {name!r}, seed {having} did; "
                    "every seed must record the same metrics"
                )
                continue
            found += [
                f"metric {name!r}: seed {seed.seed} recorded {setting}={value!r}, an earlier seed "
                f"{first.settings[setting]!r}; it must be the same in every seed"
                for setting, value in metric.settings.items()
                if value != first.settings[setting]
            ]
    for key in dict.fromkeys(key for seed in results for key in seed.data):
        digests = {seed.data.get(key) for seed in results}
        if len(digests) > 1:
            found.append(
                f"data fingerprint {key!r} differs between the seeds; "
                "a data set that depends on the seed cannot be fingerprinted"
            )
    return tuple(dict.fromkeys(found))


def incomparable(
    results: Sequence[SeedResult], baseline: Artifact, *, other: str = "the baseline"
) -> dict[str, str]:
    """Why metrics cannot be compared with the baseline.

    Args:
        results: the results of the seeds.
        baseline: the baseline.
        other: what the texts call it.

    Returns:
        The reason by metric, or by ``""`` for the whole test.
    """
    problems: dict[str, str] = {}
    names = metric_names(results)
    for name in names:
        recorded = declared(results, name)
        stored = baseline.metrics.get(name)
        problem = (
            f"is new: {other} does not have it"
            if stored is None
            else _setting_changed(recorded, stored, other)
        )
        if problem is not None:
            problems[name] = problem
    for name in baseline.metrics:
        if name not in names:
            problems[name] = f"is missing: {other} has it, no seed recorded it"
    data = results[0].data
    for key in dict.fromkeys((*baseline.data, *data)):
        if baseline.data.get(key) != data.get(key):
            problems.setdefault(
                "",
                f"data {key!r} has the fingerprint {data.get(key, 'none')}, "
                f"{other} was recorded with {baseline.data.get(key, 'none')}",
            )
    return problems


def _setting_changed(recorded: RecordedMetric, stored: MetricBaseline, other: str) -> str | None:
    for setting, now, then in (
        ("higher_is_better", recorded.higher_is_better, stored.higher_is_better),
        ("version", recorded.version, stored.version),
        ("resolution", recorded.resolution, stored.resolution),
    ):
        if now != then:
            return f"now has {setting}={now!r}, {other} {then!r}"
    return None


def margin_changes(results: Sequence[SeedResult], baseline: Artifact) -> tuple[str, ...]:
    """Which margins differ from those that the baseline was recorded with, in a sentence each.

    A margin belongs to the check: the one in the code decides, and needs no new baseline.

    Args:
        results: the results of the seeds.
        baseline: the baseline.

    Returns:
        The sentences.
    """
    return tuple(
        f"the margin of {name!r} is {margin_in_words(recorded.margin, now)}, the baseline was "
        f"recorded with {margin_in_words('auto', stored.margin)}; the check goes by the former"
        for name, stored in baseline.metrics.items()
        if name in metric_names(results)
        and not _same(
            now := absolute_margin(recorded := declared(results, name), stored.values),
            stored.margin,
        )
    )


def margin_in_words(written: MarginLike, absolute: float | None) -> str:
    """``0.01``, ``1% = 0.00931`` or ``auto``: as the user wrote it, and in metric units.

    Args:
        written: the margin as declared.
        absolute: the same in metric units; None if unknown.

    Returns:
        The text.
    """
    if absolute is None:
        return "auto"
    if isinstance(written, str) and written != "auto":
        return f"{written.strip()} = {absolute:.6g}"
    return f"{absolute:.6g}"


def absolute_margin(metric: RecordedMetric, values: Mapping[int, float]) -> float | None:
    """The margin in metric units, resolved with the baseline's values; None for ``"auto"``.

    Args:
        metric: the metric with its margin as declared.
        values: the baseline's values by seed.

    Returns:
        The margin.
    """
    if metric.margin == "auto":
        return None
    from pytest_mlregress.statistics.margins import parse_margin
    from pytest_mlregress.statistics.samples import as_sample

    sample = as_sample(tuple(values.values()), "baseline")
    return parse_margin(metric.margin).resolve(sample, math.inf)


def _same(left: float | None, right: float | None) -> bool:
    if left is None or right is None:
        return left is right
    return math.isclose(left, right, rel_tol=1e-9) or (math.isnan(left) and math.isnan(right))
