"""One value against one: equal to the last bit, or not."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from judge_cases import PROVENANCE, baseline_of, group, group_of, metric, normal, passed
from pytest_mlregress.baselines.artifact import Artifact
from pytest_mlregress.verdicts.judge import judge
from pytest_mlregress.verdicts.policy import Rules
from pytest_mlregress.verdicts.seed_blind import ignores_its_seed
from pytest_mlregress.verdicts.update import judge_update
from pytest_mlregress.verdicts.verdict import Colour, Verdict, VerdictKind

RULES = Rules(alpha=0.01, deterministic=True)
SEEDED = Rules(alpha=0.01)
HERE = {"torch": "2.2"}
ALL_EQUAL = dict.fromkeys(range(20), 0.9)


def judged(
    value: float,
    baseline: Artifact,
    rules: Rules = RULES,
    *,
    seed: int = 0,
    environment: dict[str, str] | None = None,
) -> Verdict:
    case = group(1, passed(0, metric(value)))
    if seed:
        case.plan = replace(case.plan, planned=(seed,), selected=(seed,))
        case.results = {seed: passed(seed, metric(value))}
    case.environment = environment
    verdict = judge(case, baseline, rules)
    assert verdict is not None
    return verdict


@given(st.floats(-1e6, 1e6))
def test_only_the_same_bits_are_identical(value: float) -> None:
    baseline = baseline_of({0: value})
    assert judged(value, baseline).kind is VerdictKind.IDENTICAL
    moved = judged(math.nextafter(value, math.inf), baseline)
    assert (moved.kind, moved.colour) == (VerdictKind.REGRESSION, Colour.RED)


def test_a_baseline_of_twenty_equal_seeds_serves_whatever_seed_is_the_checks_first() -> None:
    verdict = judged(0.9, baseline_of(ALL_EQUAL), seed=77)
    assert verdict.kind is VerdictKind.IDENTICAL
    assert verdict.metrics[0].baseline == {77: 0.9}


def test_the_reason_names_the_metric_before_and_after() -> None:
    verdict = judged(0.9 + 1e-7, baseline_of(ALL_EQUAL))
    assert verdict.reasons == ("deterministic=True, but accuracy moved from 0.9 to 0.9000001",)


def of_another_environment() -> Artifact:
    provenance = replace(PROVENANCE, environment={"torch": "2.1"})
    return replace(baseline_of({0: 0.9}), provenance=provenance)


@pytest.mark.parametrize(
    ("mismatch", "kind"),
    [
        ("warn", VerdictKind.INCONCLUSIVE),
        ("fail", VerdictKind.INCOMPARABLE),
        ("ignore", VerdictKind.REGRESSION),
    ],
)
def test_another_environment_may_round_otherwise(mismatch: str, kind: VerdictKind) -> None:
    verdict = judged(
        0.91, of_another_environment(), replace(RULES, env_mismatch=mismatch), environment=HERE
    )
    assert verdict.kind is kind


def test_the_bits_of_another_environment_are_welcome_where_they_are_the_same() -> None:
    assert judged(0.9, of_another_environment(), environment=HERE).kind is VerdictKind.IDENTICAL


def test_no_verdict_before_the_seed_has_run() -> None:
    assert judge(group(1), baseline_of({0: 0.9}), RULES) is None


def test_an_update_books_the_change_and_keeps_the_anchor() -> None:
    previous = baseline_of(ALL_EQUAL)
    case = group(1, passed(0, metric(0.5)))
    found = judge_update(case, previous, RULES, PROVENANCE, rebase_reason=None)
    assert found is not None
    assert found.artifact is not None
    assert found.verdict.kind is VerdictKind.RECORDED
    assert found.artifact.ledger[-1].reason == "accuracy: 0.9 -> 0.5"
    assert found.artifact.ledger[-1].effects == {"accuracy": pytest.approx(-0.4)}
    assert found.artifact.anchor["accuracy"].values == ALL_EQUAL


def test_a_sample_of_seeds_after_a_deterministic_baseline_starts_anew() -> None:
    values = normal(20, seed=1, mean=0.5)
    found = judge_update(
        group_of(values), baseline_of({0: 0.9}), SEEDED, PROVENANCE, rebase_reason=None
    )
    assert found is not None
    assert found.artifact is not None
    assert found.artifact.anchor["accuracy"].values == values


def test_equal_seeds_are_refused_only_once_all_of_a_look_are_there() -> None:
    some = group_of(dict.fromkeys(range(19), 0.9), n=20)
    assert judge_update(some, None, SEEDED, PROVENANCE, rebase_reason=None) is None
    every = judge_update(group_of(ALL_EQUAL), None, SEEDED, PROVENANCE, rebase_reason=None)
    assert every is not None
    assert (every.verdict.kind, every.artifact) == (VerdictKind.REFUSED, None)


def test_a_note_says_that_the_seeds_of_a_check_are_all_equal() -> None:
    verdict = judge(group_of(dict.fromkeys(range(5), 0.9)), baseline_of(ALL_EQUAL), SEEDED)
    assert verdict is not None
    assert any("does the training use mlregress.seed?" in note for note in verdict.notes)


def test_a_seed_shows_itself_in_any_metric_or_curve() -> None:
    alike = [passed(0, metric(0.9)), passed(1, metric(0.9))]
    assert ignores_its_seed(alike)
    assert not ignores_its_seed(alike[:1])
    assert not ignores_its_seed([alike[0], passed(1, metric(0.9 + 1e-12))])
    assert not ignores_its_seed([alike[0], replace(alike[1], curves={"loss": ((0, 1.0),)})])


@pytest.mark.parametrize(("value", "resolution"), [(0.9, 0.01), (1.0, None)])
def test_only_a_coarse_metric_at_its_bound_may_be_the_same(
    value: float, resolution: float | None
) -> None:
    seeds = [passed(seed, metric(value, resolution=resolution)) for seed in range(2)]
    assert ignores_its_seed(seeds)
    at_bound = [passed(seed, metric(1.0, resolution=0.01)) for seed in range(2)]
    assert not ignores_its_seed(at_bound)
