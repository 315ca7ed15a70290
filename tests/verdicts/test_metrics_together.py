"""Metrics of one test, held to the level that one relabelling of the seeds gives them all."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import pytest

from judge_cases import PROVENANCE, group, normal, passed
from pytest_mlregress.baselines.artifact import Artifact, MetricBaseline
from pytest_mlregress.baselines.history import first_artifact
from pytest_mlregress.running.result import RecordedMetric
from pytest_mlregress.statistics import multiple_comparisons
from pytest_mlregress.verdicts.judge import judge
from pytest_mlregress.verdicts.policy import Rules
from pytest_mlregress.verdicts.verdict import Verdict, VerdictKind

NAMES = ("accuracy", "f1", "recall", "precision", "auc")
RULES = Rules(alpha=0.01, comparisons=5)
Values = Mapping[str, Mapping[int, float]]

NOTE = (
    "level 0.041 instead of 0.0082 after 5 seeds: one relabelling for 5 metrics of the test "
    "(Westfall-Young)"
)


def together(n: int, *, seed: int, loss: float = 0.0) -> dict[str, dict[int, float]]:
    """Five metrics of n seeds with the same values."""
    values = {number: value - loss for number, value in normal(n, seed=seed).items()}
    return {name: dict(values) for name in NAMES}


def baseline_of(metrics: Values, *, higher_is_better: bool = True) -> Artifact:
    stored = {
        name: MetricBaseline(higher_is_better=higher_is_better, values=values, margin=None)
        for name, values in metrics.items()
    }
    return first_artifact("test_fit.py::test_fit", "default", stored, PROVENANCE)


def verdict_on(
    now: Values,
    before: Values,
    rules: Rules = RULES,
    *,
    margin: float | str = "auto",
    higher_is_better: bool = True,
) -> Verdict:
    seeds = [
        passed(
            seed,
            *(
                RecordedMetric(name, values[seed], higher_is_better=higher_is_better, margin=margin)
                for name, values in now.items()
            ),
        )
        for seed in next(iter(now.values()))
    ]
    verdict = judge(
        group(len(seeds), *seeds), baseline_of(before, higher_is_better=higher_is_better), rules
    )
    assert verdict is not None
    return verdict


BEFORE = together(20, seed=1)
SMALL_LOSS = together(5, seed=2, loss=0.01)
"""p = 0.034 in every metric: too much for a level of 0.01 each, within 0.05 for all."""
LARGER_LOSS = together(5, seed=2, loss=0.0113)
"""p = 0.023: within the level of three."""


def only(values: Values, *names: str) -> Values:
    return {name: values[name] for name in names}


def mirrored(values: Values) -> Values:
    return {name: {seed: -v for seed, v in of_one.items()} for name, of_one in values.items()}


def levels(verdict: Verdict) -> list[float | None]:
    return [metric.level for metric in verdict.metrics]


def test_equal_metrics_are_judged_as_one_at_the_level_of_all() -> None:
    one = verdict_on(only(SMALL_LOSS, "f1"), only(BEFORE, "f1"))
    assert one.kind is VerdictKind.PASS
    assert levels(one) == pytest.approx([0.00822], rel=1e-3)
    five = verdict_on(SMALL_LOSS, BEFORE)
    assert five.kind is VerdictKind.REGRESSION
    for metric in five.metrics:
        assert (metric.kind, metric.notes) == (VerdictKind.REGRESSION, (NOTE,))
        assert metric.comparison is not None
        assert metric.comparison.p_harm == pytest.approx(0.03399, rel=1e-3)
        assert metric.level == pytest.approx(5 * 0.00822, rel=1e-3)


def test_the_first_look_shares_its_level_too() -> None:
    verdict = verdict_on(together(5, seed=2, loss=0.012), BEFORE)
    assert (verdict.kind, verdict.decided_after) == (VerdictKind.REGRESSION, 3)
    assert "level 0.012 instead of 0.0024 after 3 seeds: one" in verdict.metrics[0].notes[-1]


def test_metrics_that_are_better_when_lower_share_alike() -> None:
    turned = verdict_on(mirrored(SMALL_LOSS), mirrored(BEFORE), higher_is_better=False)
    assert turned.kind is VerdictKind.REGRESSION
    assert levels(turned) == pytest.approx(levels(verdict_on(SMALL_LOSS, BEFORE)))


def test_one_lost_metric_among_independent_ones_gains_next_to_nothing() -> None:
    before = {**only(BEFORE, "f1"), **{name: normal(20, seed=k) for k, name in enumerate("abcd")}}
    now = {
        **only(SMALL_LOSS, "f1"),
        **{name: normal(5, seed=9 + k) for k, name in enumerate("abcd")},
    }
    verdict = verdict_on(now, before)
    assert verdict.kind is VerdictKind.PASS
    assert not any("relabelling" in note for metric in verdict.metrics for note in metric.notes)


def test_the_other_metrics_that_the_level_does_not_turn_keep_their_own() -> None:
    now = {**LARGER_LOSS, "auc": together(5, seed=2)["auc"]}
    verdict = verdict_on(now, BEFORE)
    kinds = {metric.name: metric.kind for metric in verdict.metrics}
    assert kinds == {
        **dict.fromkeys(NAMES[:4], VerdictKind.REGRESSION),
        "auc": VerdictKind.PASS,
    }
    assert levels(verdict)[4] == pytest.approx(0.00243, rel=1e-2)  # of the look that accepted it


def test_what_is_clear_without_it_asks_for_no_relabelling(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(multiple_comparisons, "relabelled_pvalues", None)
    assert verdict_on(together(5, seed=2, loss=0.05), BEFORE).kind is VerdictKind.REGRESSION
    assert verdict_on(together(5, seed=2), BEFORE).kind is VerdictKind.PASS


@pytest.mark.parametrize(
    "rules",
    [
        replace(RULES, test="rank"),
        replace(RULES, test="welch"),
        replace(RULES, on_nonfinite="test"),
    ],
    ids=["rank", "welch", "on_nonfinite"],
)
def test_other_tests_keep_bonferronis_level(rules: Rules) -> None:
    verdict = verdict_on(SMALL_LOSS, BEFORE, rules)
    assert verdict.kind is not VerdictKind.REGRESSION
    assert not any("relabelling" in note for metric in verdict.metrics for note in metric.notes)


def test_a_check_that_never_stops_shares_the_level_of_its_only_look() -> None:
    verdict = verdict_on(SMALL_LOSS, BEFORE, replace(RULES, early=False))
    assert verdict.kind is VerdictKind.REGRESSION
    assert levels(verdict) == pytest.approx([0.05] * 5, abs=1e-4)
    assert verdict.metrics[0].notes[-1].startswith("level 0.05 instead of 0.01 after 5 seeds: one")


def test_a_metric_without_a_size_leaves_the_others_their_sum() -> None:
    before = {**BEFORE, "auc": {**BEFORE["auc"], 19: math.nan}}
    verdict = verdict_on(LARGER_LOSS, before)
    kinds = [metric.kind for metric in verdict.metrics]
    assert kinds[:4] == [VerdictKind.REGRESSION] * 4
    assert kinds[4] is not VerdictKind.REGRESSION
    assert levels(verdict)[0] == pytest.approx(4 * 0.00822, rel=1e-2)


def test_metrics_of_other_baseline_seeds_share_among_themselves() -> None:
    before = {
        name: dict(list(values.items())[: 18 if name in ("recall", "auc") else 20])
        for name, values in BEFORE.items()
    }
    verdict = verdict_on(LARGER_LOSS, before)
    notes = {metric.name: metric.notes[-1:] for metric in verdict.metrics}
    for name in ("accuracy", "f1", "precision"):
        assert "for 3 metrics of the test" in notes[name][0]


def test_a_loss_below_a_fixed_margin_stays_minor() -> None:
    fixed = verdict_on(SMALL_LOSS, BEFORE, margin=0.02)
    assert {metric.kind for metric in fixed.metrics} == {VerdictKind.MINOR}
    assert "one relabelling for 5 metrics of the test" in fixed.metrics[0].notes[-1]


def test_the_verdict_does_not_depend_on_seeds_after_its_look() -> None:
    now = together(5, seed=2, loss=0.012)
    later = {name: {**values, 3: -9.0, 4: math.nan} for name, values in now.items()}
    assert verdict_on(later, BEFORE).metrics == verdict_on(now, BEFORE).metrics


def test_linked_metrics_share_what_linking_leaves_of_their_level() -> None:
    verdict = verdict_on(LARGER_LOSS, BEFORE, replace(RULES, pairing="always"))
    alone = verdict_on(only(LARGER_LOSS, "f1"), only(BEFORE, "f1"), Rules(alpha=0.009))
    assert verdict.kind is VerdictKind.REGRESSION
    for metric in verdict.metrics:
        assert metric.level == pytest.approx(5 * (alone.metrics[0].level or 0.0), rel=0.01)
        assert any("one relabelling for 5 metrics" in note for note in metric.notes)
