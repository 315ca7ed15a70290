"""Margins that the seeds cannot pay for, judged after one seed, and the ways out."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from typing import Any

import pytest

from judge_cases import baseline_of, ended, group, group_of, metric, normal, passed
from pytest_mlregress.baselines.artifact import Artifact, MetricBaseline
from pytest_mlregress.verdicts.judge import judge
from pytest_mlregress.verdicts.policy import Rules
from pytest_mlregress.verdicts.verdict import Colour, Verdict, VerdictKind

BASELINE = normal(20, seed=1)  # mean 0.9, SD 0.01
SUITE = Rules(alpha=0.05 / 67, comparisons=67)
SMALL = Rules(alpha=0.05 / 10, comparisons=10)


def judged(values: dict[int, float], rules: Rules = SUITE, **more: Any) -> Verdict | None:
    return judge(
        group_of(values, n=5, margin=more.get("margin", 0.005)), baseline_of(BASELINE), rules
    )


def test_one_seed_tells_with_the_numbers_of_the_planner() -> None:
    verdict = judged({0: 0.9})
    assert verdict is not None
    assert (verdict.kind, verdict.colour) == (VerdictKind.UNAFFORDABLE, Colour.YELLOW)
    assert verdict.decided_after == 1
    reason, level = verdict.reasons
    assert reason.startswith(
        "metric 'accuracy' with margin 0.005: 5 seeds against 20 detect a loss of the margin "
        "(0.5 SD) with power 0.0"
    )
    assert level == ("the 67 comparisons of the suite share its alpha: each is held to 0.000746")
    assert replace(SUITE, strict=True).colour(verdict.kind) is Colour.RED


def test_the_same_after_more_seeds_than_needed_and_in_any_order() -> None:
    first = judged({0: 0.9})
    more = judged({0: 0.9, 1: 0.1, 2: math.nan})
    assert judged({1: 0.9, 2: 0.9}) is None
    assert first is not None
    assert more is not None
    assert (first.kind, first.reasons, first.metrics) == (more.kind, more.reasons, more.metrics)


def test_the_margin_of_the_code_counts_and_not_the_recorded_one() -> None:
    case = group_of({0: 0.9}, n=5, margin=0.05)
    assert judge(case, baseline_of(BASELINE, margin=0.005), SUITE) is None
    case = group_of({0: 0.9}, n=5, margin="0.1%")
    verdict = judge(case, baseline_of(BASELINE, margin=0.05), SUITE)
    assert verdict is not None
    assert verdict.reasons[0].startswith("metric 'accuracy' with margin 0.1% = 0.0009: ")
    assert verdict.notes == (
        "the margin of 'accuracy' is 0.1% = 0.0009, the baseline was recorded with 0.05; "
        "the check goes by the former",
    )


def three_metrics(loss_of_b: float, n: int = 5) -> Verdict | None:
    """A test with one margin that its seeds can decide on, b's, between two that they cannot."""
    stored = MetricBaseline(higher_is_better=True, values=BASELINE)
    baseline = replace(baseline_of(BASELINE), metrics={"a": stored, "b": stored, "c": stored})
    seeds = (
        passed(
            seed,
            metric(BASELINE[seed], name="a", margin=0.004),
            metric(BASELINE[(seed + 7) % 20] - loss_of_b, name="b", margin=0.05),
            metric(BASELINE[seed], name="c", margin=0.001),
        )
        for seed in range(n)
    )
    return judge(group(5, *seeds), baseline, SUITE)


def test_all_such_metrics_are_named_at_once_and_the_others_keep_their_verdict() -> None:
    assert three_metrics(0.0, n=1) is None
    verdict = three_metrics(0.0)
    assert verdict is not None
    assert verdict.kind is VerdictKind.UNAFFORDABLE
    kinds = {metric.name: metric.kind for metric in verdict.metrics}
    assert kinds == {
        "a": VerdictKind.UNAFFORDABLE,
        "b": VerdictKind.PASS,
        "c": VerdictKind.UNAFFORDABLE,
    }
    assert [reason[:10] for reason in verdict.reasons[:2]] == ["metric 'a'", "metric 'c'"]


def test_no_margin_hides_the_loss_of_another_metric() -> None:
    verdict = three_metrics(0.2)
    assert verdict is not None
    assert (verdict.kind, verdict.colour) == (VerdictKind.REGRESSION, Colour.RED)


def test_a_level_that_no_result_reaches_needs_no_margin() -> None:
    verdict = judge(group_of({0: 0.9}, n=3), baseline_of(normal(5, seed=1)), SUITE)
    assert verdict is not None
    assert verdict.kind is VerdictKind.UNAFFORDABLE
    assert verdict.reasons[0].startswith(
        "metric 'accuracy': 3 seeds against 5 baseline seeds cannot show a loss at level "
    )
    assert not any("wider margin" in step for step in verdict.next_steps)


class TestWaysOut:
    @staticmethod
    def steps(
        baseline: Artifact, rules: Rules, n: int = 5, margin: float | str = 0.015
    ) -> list[str]:
        verdict = judge(group_of({0: 0.9}, n=n, margin=margin), baseline, rules)
        assert verdict is not None
        assert verdict.kind is VerdictKind.UNAFFORDABLE
        return list(verdict.next_steps)

    def test_there_are_four(self) -> None:
        steps = self.steps(baseline_of(BASELINE), SMALL, n=11, margin=0.0146)
        command = "pytest 'tests/test_fit.py::test_fit'"
        patterns = (
            rf"more seeds, which seeds\((\d+)\) declares for good: {command} --mlregress-seeds=\1",
            rf"more baseline seeds: {command} --mlregress-update --mlregress-baseline-seeds=\d+",
            r"a wider margin in the code: these seeds detect a loss of (0\.\d+) in 'accuracy', "
            r'so margin=\1 or margin="auto"',
            r"a higher level for the 10 comparisons of the suite: "
            rf"{command} --mlregress-alpha=0\.\d+",
        )
        assert len(steps) == len(patterns)
        for step, pattern in zip(steps, patterns, strict=True):
            assert re.fullmatch(pattern, step), step

    @pytest.mark.parametrize(("n", "margin"), [(5, 0.01), (5, 0.018), (5, 0.026), (11, 0.017)])
    def test_each_of_them_suffices(self, n: int, margin: float) -> None:
        """What a step says, done: the next seed is not the last one."""
        for step in self.steps(baseline_of(BASELINE), SUITE, n=n, margin=margin):
            case = group_of({0: 0.9}, n=_number(step, "--mlregress-seeds=") or n, margin=margin)
            baseline, rules = baseline_of(BASELINE), SUITE
            if (more := _number(step, "--mlregress-baseline-seeds=")) is not None:
                baseline = baseline_of(normal(more, seed=1))
                case = group_of({0: 0.9}, n=_number(step, "and seeds(") or n, margin=margin)
            elif (wider := _number(step, "or margin=", "so margin=")) is not None:
                case = group_of({0: 0.9}, n=n, margin=wider)
            elif (alpha := _number(step, "--mlregress-alpha=")) is not None:
                rules = replace(SUITE, alpha=alpha / 67)
            elif (m := _number(step, "at most ")) is not None:
                rules = replace(SUITE, alpha=0.05 / m, comparisons=int(m))
            verdict = judge(case, baseline, rules)
            assert verdict is None, step

    def test_the_margin_that_is_named_is_the_least_that_does(self) -> None:
        (step,) = (s for s in self.steps(baseline_of(BASELINE), SUITE) if "wider" in s)
        wider = _number(step, "so margin=")
        assert wider is not None
        slightly_less = group_of({0: 0.9}, n=5, margin=wider * 0.8)
        verdict = judge(slightly_less, baseline_of(BASELINE), SUITE)
        assert verdict is not None
        assert verdict.kind is VerdictKind.UNAFFORDABLE


def _number(step: str, *before: str) -> Any:
    for text in reversed(before):
        _, found, rest = step.partition(text)
        if found:
            digits = rest.split(" ")[0].rstrip("),;:")
            return float(digits) if "." in digits else int(digits)
    return None


class TestCollapse:
    """The seeds cannot pay for the margin, and still show a collapse."""

    def test_a_first_seed_below_the_baseline_is_followed_by_the_others(self) -> None:
        assert judged({0: 0.5}) is None
        verdict = judged({seed: 0.5 + 0.001 * seed for seed in range(5)})
        assert verdict is not None
        assert (verdict.kind, verdict.colour) == (VerdictKind.REGRESSION, Colour.RED)

    def test_and_is_unaffordable_where_these_are_as_before(self) -> None:
        values = {0: 0.87} | {seed: BASELINE[seed] for seed in range(1, 5)}
        verdict = judged(values)
        assert verdict is not None
        assert verdict.kind is VerdictKind.UNAFFORDABLE
        assert verdict.decided_after > 1

    def test_a_first_seed_that_is_nan_or_raised_is_red(self) -> None:
        verdict = judged({seed: math.nan if seed == 0 else 0.9 for seed in range(5)})
        assert verdict is not None
        assert verdict.kind is VerdictKind.DIVERGED
        verdict = judge(group(5, ended(0, "failed")), baseline_of(BASELINE), SUITE)
        assert verdict is not None
        assert verdict.kind is VerdictKind.DIVERGED

    def test_seeds_that_are_all_run_are_all_looked_at(self) -> None:
        never = replace(SUITE, early=False)
        assert judged({0: 0.9}, never) is None
        verdict = judged({seed: 0.5 + 0.001 * seed for seed in range(5)}, never)
        assert verdict is not None
        assert verdict.kind is VerdictKind.REGRESSION
        verdict = judged({seed: BASELINE[seed + 5] for seed in range(5)}, never)
        assert verdict is not None
        assert (verdict.kind, verdict.decided_after) == (VerdictKind.UNAFFORDABLE, 5)


@pytest.mark.parametrize("change", [{"test": "welch"}, {"expect": "identical"}])
def test_tests_that_have_no_plan_are_not_refused(change: dict[str, Any]) -> None:
    assert judged({0: BASELINE[0]}, replace(SUITE, **change)) is None
