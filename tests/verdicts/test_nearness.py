"""A loss is near its limit only if these seeds could have shown it more clearly."""

from __future__ import annotations

import dataclasses

import pytest

import judge_cases
from pytest_mlregress.statistics.comparison import compare
from pytest_mlregress.verdicts.nearness import near_its_limit
from pytest_mlregress.verdicts.verdict import MetricVerdict, VerdictKind

BASELINE = tuple(judge_cases.normal(10, seed=1).values())  # mean 0.9, SD 0.01
LIMIT = 0.0028


def lost(sds: float, n: int = 5, level: float = LIMIT) -> MetricVerdict:
    candidate = tuple(value - 0.01 * sds for value in BASELINE[:n])
    comparison = compare(BASELINE, candidate, higher_is_better=True, margin=0.005, alpha=level)
    return MetricVerdict(
        name="accuracy",
        kind=VerdictKind.REGRESSION,
        higher_is_better=True,
        declared=0.005,
        alpha=0.05,
        level=level,
        baseline=dict(enumerate(BASELINE)),
        candidate=dict(enumerate(candidate)),
        comparison=comparison,
    )


def test_the_smallest_p_value_of_a_large_loss_is_not_near() -> None:
    metric = lost(8.0)
    assert metric.comparison is not None
    assert LIMIT / 10 < metric.comparison.p_harm == pytest.approx(1 / 3003)
    assert not near_its_limit(metric)


def test_a_p_value_that_could_be_smaller_is_near() -> None:
    metric = lost(2.5)
    assert metric.comparison is not None
    near = dataclasses.replace(metric.comparison, p_harm=LIMIT / 2)
    assert near_its_limit(dataclasses.replace(metric, comparison=near))


def test_the_smallest_p_value_of_a_small_loss_is_near() -> None:
    metric = lost(2.0, n=3, level=0.01)
    assert metric.comparison is not None
    welch = dataclasses.replace(metric.comparison.welch, pvalue=0.004)
    smallest = dataclasses.replace(
        metric.comparison, p_harm=metric.comparison.smallest_p, welch=welch
    )
    assert near_its_limit(dataclasses.replace(metric, comparison=smallest))


def test_a_loss_that_is_not_shown_is_not_near() -> None:
    assert not near_its_limit(lost(0.0))
