"""A run as experiment trackers keep one: tags, parameters, metrics and metrics by step.

One entry for the run and one for each test. Seeds are steps and curves of their test, not entries
of their own: a suite of 500 tests would bury a tracker under ten thousand.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from statistics import fmean

from pytest_mlregress.masking import mask
from pytest_mlregress.reporting.overview import overview
from pytest_mlregress.reporting.report import RunReport
from pytest_mlregress.reporting.since_text import since_text
from pytest_mlregress.verdicts.verdict import Colour, MetricVerdict, Verdict

Points = tuple[tuple[int, float], ...]
"""(step, value) by increasing step."""


@dataclass(frozen=True, slots=True)
class TrackedEntry:
    """The run as a whole, or one of its tests.

    Attributes:
        name: what it is called.
        tags: facts in words.
        params: hyper-parameters.
        metrics: numbers by name; those of seeds are their means.
        steps: metrics by step: ``<metric>/by seed`` with the seed as the step, and
            ``<curve>/seed <n>``.
    """

    name: str
    tags: Mapping[str, str]
    params: Mapping[str, object] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    steps: Mapping[str, Points] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TrackedRun:
    """A run and its tests.

    Attributes:
        run: the run.
        tests: the tests, the most severe verdict first.
        failed: whether a test is red.
    """

    run: TrackedEntry
    tests: tuple[TrackedEntry, ...]
    failed: bool


def tracked_run(report: RunReport) -> TrackedRun:
    """What a tracker is told of a run.

    Args:
        report: the run.

    Returns:
        Its entries, without secrets.
    """
    code, totals = report.code, report.totals
    tags = {
        "verdict": mask(overview(report)),
        "commit": (code.commit or "") if code is not None else "",
        "branch": (code.branch or "") if code is not None else "",
        "uncommitted": str(len(code.changed)) if code is not None else "",
        "machine": report.machine,
        "command": mask(report.command),
        "pytest-mlregress": report.version,
    }
    metrics = {
        "tests": float(totals.tests),
        "red": float(totals.colours[Colour.RED]),
        "yellow": float(totals.colours[Colour.YELLOW]),
        "green": float(totals.colours[Colour.GREEN]),
        "seeds": float(totals.seeds_run),
        "seconds of training": totals.training,
    }
    commit = tags["commit"][:7] or "no commit"
    run = TrackedEntry(f"mlregress {commit}", _given(tags), {"alpha": report.alpha}, metrics)
    tests = tuple(_test(verdict) for verdict in report.most_severe_first)
    return TrackedRun(run, tests, failed=bool(totals.colours[Colour.RED]))


def _test(verdict: Verdict) -> TrackedEntry:
    tags = {
        "verdict": str(verdict.kind),
        "colour": str(verdict.colour.value),
        "tier": verdict.tier,
        "baseline": verdict.baseline_commit or "",
        "since": since_text(verdict.since) if verdict.since is not None else "",
        "why": mask("; ".join(verdict.reasons)),
    }
    trained = [seed for seed in verdict.seeds if seed.metrics or seed.curves]
    params = {name: _plain(value) for name, value in trained[0].params.items()} if trained else {}
    metrics: dict[str, float] = {}
    steps: dict[str, Points] = {}
    for metric in verdict.metrics:
        metrics.update(_numbers(metric))
        if metric.candidate:
            steps[f"{metric.name}/by seed"] = tuple(sorted(metric.candidate.items()))
    for seed in trained:
        for name, points in seed.curves.items():
            steps[f"{name}/seed {seed.seed}"] = tuple(points)
    return TrackedEntry(mask(verdict.test), _given(tags), params, metrics, steps)


def _numbers(metric: MetricVerdict) -> Iterator[tuple[str, float]]:
    """The means of both sides, and what the test that decided says of their difference."""
    if metric.candidate:
        yield metric.name, _mean(metric.candidate)
    if metric.baseline:
        yield f"{metric.name}/baseline", _mean(metric.baseline)
    if metric.comparison is not None:
        yield f"{metric.name}/difference", metric.comparison.difference


def _mean(values: Mapping[int, float]) -> float:
    return fmean(values.values()) if all(map(math.isfinite, values.values())) else math.nan


def _plain(value: object) -> object:
    return mask(value) if isinstance(value, str) else value


def _given(tags: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in tags.items() if value}
