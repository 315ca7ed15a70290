"""The run effect of a metric: which runs count, and what it does to a verdict."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np

from judge_cases import PROVENANCE, TEST, baseline_of, group_of, normal
from pytest_mlregress.baselines.artifact import Artifact, MetricBaseline
from pytest_mlregress.baselines.history import (
    append_pairing,
    pair_with_baseline,
    revise,
    samples_of_same_code,
)
from pytest_mlregress.reporting.json_report import to_json
from pytest_mlregress.reporting.report import RunReport
from pytest_mlregress.verdicts.judge import judge
from pytest_mlregress.verdicts.plan import plan_test
from pytest_mlregress.verdicts.policy import Rules
from pytest_mlregress.verdicts.run_effects import run_effect_of
from pytest_mlregress.verdicts.verdict import Verdict, VerdictKind


def shifted(shift: float, *, seed: int, n: int = 20) -> dict[int, float]:
    return {number: value + shift for number, value in normal(n, seed=seed).items()}


def earlier(sd: float, n: int = 6) -> Rules:
    """Rules with green runs that differ by so much, in the metric's units."""
    shifts = sd * np.linspace(-1.5, 1.5, n)
    return replace(
        RULES,
        green_runs={
            "accuracy": [shifted(float(s), seed=50 + k) for k, s in enumerate(shifts)],
        },
    )


RULES = Rules(alpha=0.01)
BASELINE = baseline_of(normal(20, seed=1))
LOWER = shifted(-0.015, seed=9, n=5)


def verdict(rules: Rules, values: dict[int, float] = LOWER) -> Verdict:
    found = judge(group_of(values), BASELINE, rules)
    assert found is not None
    return found


def test_a_shift_that_runs_make_by_themselves_is_no_regression() -> None:
    assert verdict(RULES).kind is VerdictKind.REGRESSION
    found = verdict(earlier(0.01))
    assert found.kind is not VerdictKind.REGRESSION
    (metric,) = found.metrics
    effect = metric.run_effect
    assert effect is not None
    assert found.notes[-1] == f"accuracy: {effect}"
    assert found.notes[-1].endswith(" in 7 runs: enters the test")


def test_a_loss_beyond_them_is_one() -> None:
    assert verdict(earlier(0.01), shifted(-0.2, seed=9, n=5)).kind is VerdictKind.REGRESSION


def test_an_effect_that_is_not_shown_is_reported_and_changes_nothing() -> None:
    found, without = verdict(earlier(0.001)), verdict(RULES)
    assert found.notes == without.notes
    (metric,), (plain,) = found.metrics, without.metrics
    assert (metric.kind, metric.comparison) == (plain.kind, plain.comparison)
    assert plain.run_effect is None
    assert str(metric.run_effect).endswith(" in 7 runs: not shown, not used")


def test_the_json_report_tells_every_estimate() -> None:
    def reported(found: Verdict) -> object:
        (test,) = json.loads(to_json(RunReport((found,))))["tests"]
        return test["metrics"][0]["run_effect"]

    assert reported(verdict(RULES)) is None
    used = reported(verdict(earlier(0.01)))
    assert isinstance(used, dict)
    assert (used["runs"], used["used"]) == (7, True)
    unused = reported(verdict(earlier(0.001)))
    assert isinstance(unused, dict)
    assert (unused["runs"], unused["used"]) == (7, False)
    assert set(unused) == {"tau", "seed_sd", "runs", "pvalue", "used"}


def test_the_plan_knows_of_it() -> None:
    (alone,), (widened,) = (
        plan_test(TEST, "default", 5, BASELINE, rules).metrics for rules in (RULES, earlier(0.01))
    )
    assert alone.plan is not None
    assert widened.plan is not None
    assert alone.plan.run_effect == 0.0
    assert widened.plan.detectable_90 > 1.5 * alone.plan.detectable_90


def updated(
    artifact: Artifact, values: dict[int, float], commit: str | None, *, rebased: bool = False
) -> Artifact:
    metrics = {"accuracy": MetricBaseline(higher_is_better=True, values=values)}
    new = revise(
        artifact,
        metrics,
        replace(PROVENANCE, commit=commit),
        effects={"accuracy": 0.0},
        reason="",
        rebased=rebased,
    )
    return append_pairing(new, pair_with_baseline(artifact, {"accuracy": values}, commit=commit))


def test_revisions_without_a_declared_change_count() -> None:
    one, two, three = (shifted(0.0, seed=seed) for seed in (1, 2, 3))
    artifact = updated(updated(baseline_of(one), two, "a" * 40), three, "b" * 40)
    samples = samples_of_same_code(artifact, "accuracy")
    assert [sample for k, sample in enumerate(samples) if sample not in samples[:k]] == [
        one,
        two,
        three,
    ]
    effect = run_effect_of("accuracy", artifact, RULES)
    assert effect is not None
    assert effect.n_runs == 3
    # The green runs may hold the sample of a revision too: it counts once.
    again = replace(RULES, green_runs={"accuracy": [two, {0: two[0], 1: two[1]}]})
    same = run_effect_of("accuracy", artifact, again)
    assert same is not None
    assert same.n_runs == 3


def test_a_rebase_a_gain_and_an_unknown_commit_begin_other_code() -> None:
    one, two = shifted(0.0, seed=1), shifted(0.0, seed=2)
    rebased = updated(baseline_of(one), two, "a" * 40, rebased=True)
    assert samples_of_same_code(rebased, "accuracy") == (two, two)
    gain = shifted(0.05, seed=3)
    gained = updated(updated(baseline_of(one), two, "a" * 40), gain, "b" * 40)
    assert set(map(str, samples_of_same_code(gained, "accuracy"))) == {str(gain)}
    unknown = updated(baseline_of(one), two, None)
    assert set(map(str, samples_of_same_code(unknown, "accuracy"))) == {str(one), str(two)}
    assert samples_of_same_code(unknown, "f1") == ()
