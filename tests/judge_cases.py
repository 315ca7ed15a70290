"""Groups of seeds and baselines for the judge, without running anything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from pytest_mlregress.baselines.artifact import Artifact, MetricBaseline, PairedRun, Provenance
from pytest_mlregress.baselines.history import first_artifact
from pytest_mlregress.running.result import RecordedMetric, SeedResult
from pytest_mlregress.running.seed_outcome import SeedOutcome
from pytest_mlregress.verdicts.group import GroupPlan, SeedGroup

TEST = "tests/test_fit.py::test_fit"
SETTINGS = {"test": "robust-t", "pairing": "auto", "expect": None, "on_nonfinite": "fail"}
PROVENANCE = Provenance(plugin="0.1.0", time="2026-01-02T03:04:05Z", commit="0123456789abcdef")


def normal(n: int, *, seed: int, mean: float = 0.9, sd: float = 0.01) -> dict[int, float]:
    """n normal values by seed, standardised, so that mean and SD are exactly those asked for."""
    values = np.random.default_rng(seed).normal(size=n)
    values = (values - values.mean()) / values.std(ddof=1)
    return {number: float(mean + sd * value) for number, value in enumerate(values)}


def metric(
    value: float,
    *,
    name: str = "accuracy",
    margin: float | str = "auto",
    resolution: float | None = None,
) -> RecordedMetric:
    return RecordedMetric(name, value, higher_is_better=True, margin=margin, resolution=resolution)


def plan(n: int, *, selected: Sequence[int] | None = None, looks: Sequence[int] = ()) -> GroupPlan:
    seeds = tuple(range(n))
    return GroupPlan(
        test=TEST,
        file=Path("tests/test_fit.py"),
        location=("tests/test_fit.py", 3, "test_fit"),
        planned=seeds,
        selected=seeds if selected is None else tuple(selected),
        tier="default",
        settings=SETTINGS,
        looks=tuple(looks),
    )


def passed(
    seed: int, *metrics: RecordedMetric, data: Mapping[str, str] | None = None
) -> SeedResult:
    return SeedResult(seed, "finished", metrics, data=data or {}, duration=1.0)


def ended(seed: int, outcome: SeedOutcome, message: str = "ValueError: boom") -> SeedResult:
    return SeedResult(seed, outcome, message=message)


def group(n: int, *results: SeedResult, selected: Sequence[int] | None = None) -> SeedGroup:
    found = SeedGroup(plan(n, selected=selected))
    found.results = {result.seed: result for result in results}
    return found


def group_of(
    values: Mapping[int, float],
    *,
    n: int | None = None,
    margin: float | str = "auto",
    resolution: float | None = None,
) -> SeedGroup:
    """A group whose seeds passed with these accuracies."""
    return group(
        n or len(values),
        *(
            passed(seed, metric(value, margin=margin, resolution=resolution))
            for seed, value in values.items()
        ),
    )


def baseline_of(
    values: Mapping[int, float],
    *,
    margin: float | None = None,
    resolution: float | None = None,
    pairing: Sequence[PairedRun] = (),
) -> Artifact:
    from dataclasses import replace

    accuracy = MetricBaseline(
        higher_is_better=True, values=values, margin=margin, resolution=resolution
    )
    artifact = first_artifact(
        "test_fit.py::test_fit", "default", {"accuracy": accuracy}, PROVENANCE
    )
    return replace(artifact, pairing=tuple(pairing))
