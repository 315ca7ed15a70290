"""What judged learning curves leave to the comparisons of their test."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from judge_cases import baseline_of, group_of, normal
from pytest_mlregress.baselines.artifact import Artifact
from pytest_mlregress.verdicts.curves import beside_curves, curve_level
from pytest_mlregress.verdicts.judge import judge
from pytest_mlregress.verdicts.plan import plan_test
from pytest_mlregress.verdicts.policy import Rules

RULES = Rules(alpha=0.05 / 10, comparisons=10)
BASELINE = normal(20, seed=1)


def with_curves(name: str = "accuracy", seeds: int = 20) -> Artifact:
    curve = ((0, 0.1), (10, 0.5), (20, 0.8), (30, 0.9), (40, 0.9))
    return replace(baseline_of(BASELINE), curves={name: dict.fromkeys(range(seeds), curve)})


def test_curve_and_comparison_spend_the_level_of_the_comparison() -> None:
    rules = beside_curves(RULES, with_curves())
    assert rules.alpha == pytest.approx(0.95 * RULES.alpha)
    assert rules.alpha + curve_level(RULES) == pytest.approx(RULES.alpha)


@pytest.mark.parametrize(
    ("baseline", "change"),
    [
        (None, {}),
        (baseline_of(BASELINE), {}),
        (with_curves("loss"), {}),
        (with_curves(seeds=4), {}),
        (with_curves(), {"curves": "off"}),
        (with_curves(), {"early": False}),
        (with_curves(), {"on_nonfinite": "test"}),
    ],
)
def test_nothing_is_spent_where_no_curve_is_judged(
    baseline: Artifact | None, change: dict[str, Any]
) -> None:
    rules = replace(RULES, **change)
    assert beside_curves(rules, baseline) == rules


def test_the_verdict_and_the_plan_are_held_to_what_is_left() -> None:
    verdict = judge(group_of(normal(5, seed=2)), with_curves(), RULES)
    assert verdict is not None
    assert verdict.metrics[0].alpha == pytest.approx(0.95 * RULES.alpha)
    (metric,) = plan_test("t", "default", 5, with_curves(), RULES).metrics
    assert metric.plan is not None
    assert metric.plan.alpha == pytest.approx(0.95 * RULES.alpha)


def test_the_way_out_by_a_higher_level_is_higher_than_the_present_one() -> None:
    verdict = judge(group_of({0: 0.9}, n=11, margin=0.0146), with_curves(), RULES)
    assert verdict is not None
    (step,) = (step for step in verdict.next_steps if "--mlregress-alpha=" in step)
    alpha = float(step.partition("--mlregress-alpha=")[2])
    assert alpha > RULES.alpha * RULES.comparisons
    higher = replace(RULES, alpha=alpha / RULES.comparisons)
    assert judge(group_of({0: 0.9}, n=11, margin=0.0146), with_curves(), higher) is None
