"""Runs as a history holds them, made without training."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from pytest_mlregress.history.records import MetricRecord, RunRecord, SeedRecord, TestRecord

TEST = "tests/test_digits.py::test_fit"


def values(mean: float, *, seed: int, n: int = 5, sd: float = 0.002) -> dict[int, float]:
    """Values by seed with exactly that mean."""
    drawn = np.random.default_rng(seed).normal(size=n)
    return dict(enumerate((mean + sd * (drawn - drawn.mean())).tolist()))


def run(
    number: int,
    mean: float = 0.9,
    *,
    colour: str = "green",
    verdict: str = "pass",
    test: Mapping[str, Any] = {},
    metric: Mapping[str, Any] = {},
    **fields: Any,
) -> RunRecord:
    """The run of day ``number``, whose only test recorded an accuracy with that mean."""
    measured = values(mean, seed=number)
    record = MetricRecord(
        name="accuracy",
        verdict=verdict,
        higher_is_better=True,
        n=5,
        mean=mean,
        sd=0.002,
        difference=mean - 0.9,
        interval=(mean - 0.903, mean - 0.897),
        p_harm=0.5,
        p_safety=0.001,
        level=0.01,
        alpha=0.05,
        margin=0.01,
        detectable=0.008,
        test="robust-t",
        baseline_n=20,
        baseline_mean=0.9,
        values=measured,
    )
    record = replace(record, **metric)
    judged = TestRecord(
        test=TEST,
        tier="default",
        verdict=verdict,
        colour=colour,
        decided_after=5,
        planned=(0, 1, 2, 3, 4),
        seeds=tuple(SeedRecord(seed=seed, outcome="finished", duration=1.0) for seed in range(5)),
        spent=5.0,
        baseline_revision="0123456789abcdef",
        baseline_commit="a" * 40,
        same_code=False,
        metrics=(record,),
    )
    judged = replace(judged, **test)
    known: dict[str, Any] = {
        "id": f"{number:032x}",
        "time": f"2026-03-{number:02d}T10:00:00Z",
        "kind": "check",
        "commit": f"{number:x}" * 40,
        "branch": "main",
        "environment": "e" * 16,
        "comparisons": 1,
        "tests": (judged,),
    }
    return RunRecord(**(known | fields))
