"""Matched seeds: when they are linked, and what that changes."""

import re
from math import nan

import numpy as np
import pytest

from judge_cases import baseline_of, group_of, normal
from pytest_mlregress.baselines.artifact import PairedRun
from pytest_mlregress.verdicts.judge import judge
from pytest_mlregress.verdicts.plan import plan_test
from pytest_mlregress.verdicts.policy import Rules
from pytest_mlregress.verdicts.seed_pairing import link_of
from pytest_mlregress.verdicts.verdict import Verdict, VerdictKind

BASELINE = normal(20, seed=1)
RULES = Rules(alpha=0.01)


def earlier_runs(rho: float, commits: int = 2) -> list[PairedRun]:
    generator = np.random.default_rng(0)
    runs = []
    for commit in range(commits):
        noise = generator.normal(size=20) * 0.01 * (1 - rho**2) ** 0.5
        pairs = tuple(
            (seed, value, 0.9 + rho * (value - 0.9) + float(noise[seed]))
            for seed, value in BASELINE.items()
        )
        runs.append(PairedRun(commit=f"c{commit}", metrics={"accuracy": pairs}))
    return runs


def test_correlated_earlier_runs_of_two_commits_link_the_seeds() -> None:
    link = link_of("accuracy", baseline_of(BASELINE, pairing=earlier_runs(0.95)), RULES)
    assert link is not None
    assert link.theta == pytest.approx(0.95, abs=0.1)
    assert str(link) == f"theta = {link.theta:.2f}, rho = {link.rho:.2f} in 2 earlier runs"


@pytest.mark.parametrize(
    "pairing", [[], earlier_runs(0.95, commits=1), earlier_runs(0.1)], ids=["none", "one", "weak"]
)
def test_without_such_runs_they_are_compared_unlinked(pairing: list[PairedRun]) -> None:
    assert link_of("accuracy", baseline_of(BASELINE, pairing=pairing), RULES) is None


def test_pairing_never_and_always_do_not_ask_for_history() -> None:
    with_history = baseline_of(BASELINE, pairing=earlier_runs(0.95))
    assert link_of("accuracy", with_history, Rules(alpha=0.01, pairing="never")) is None
    always = link_of("accuracy", baseline_of(BASELINE), Rules(alpha=0.01, pairing="always"))
    assert always is not None
    assert always.theta == 1.0


def judged(loss: float, *, pairing: list[PairedRun] | None = None, rules: Rules = RULES) -> Verdict:
    """The verdict on 5 seeds that all lose so much, to within a hundredth of a spread."""
    candidate = {seed: BASELINE[seed] - loss + 0.0001 * (seed % 3) for seed in range(5)}
    verdict = judge(group_of(candidate), baseline_of(BASELINE, pairing=pairing or ()), rules)
    assert verdict is not None
    return verdict


def test_linked_seeds_add_evidence_of_harm() -> None:
    """Nine tenths of a standard deviation: undecided without them."""
    rules = Rules(alpha=0.01, early=False)
    assert judged(0.009, rules=rules).kind is not VerdictKind.REGRESSION
    verdict = judged(0.009, pairing=earlier_runs(0.999), rules=rules)
    assert verdict.kind is VerdictKind.REGRESSION
    (accuracy,) = verdict.metrics
    assert accuracy.comparison is not None
    assert accuracy.level == pytest.approx(0.001)
    assert accuracy.comparison.p_harm <= accuracy.level
    (note,) = accuracy.notes
    assert re.fullmatch(
        r"seeds linked with theta = (1.00|0.99|0.98), rho = 1.00 in 2 earlier runs show a loss of "
        r"0.0089\d*: p = [\de.-]+, level 0.001",
        note,
    )


def test_a_loss_below_the_linked_margin_is_minor_where_the_check_would_pass() -> None:
    rules = Rules(alpha=0.01, early=False)
    assert judged(0.001, rules=rules).kind is VerdictKind.PASS
    verdict = judged(0.001, pairing=earlier_runs(0.999), rules=rules)
    assert verdict.kind is VerdictKind.MINOR
    (note,) = verdict.metrics[0].notes
    assert ", less than their margin 0.00" in note


def test_the_unpaired_check_stops_early_as_ever() -> None:
    better = {seed: BASELINE[seed] + 0.004 + 0.0001 * (seed % 3) for seed in range(3)}
    for pairing in ([], earlier_runs(0.999)):
        verdict = judge(group_of(better, n=5), baseline_of(BASELINE, pairing=pairing), RULES)
        assert verdict is not None
        assert (verdict.kind, verdict.decided_after) == (VerdictKind.PASS, 3)


def test_a_loss_without_any_correlation_left_is_still_red() -> None:
    candidate = {seed: value - 0.04 for seed, value in normal(5, seed=8).items()}
    linked = baseline_of(BASELINE, pairing=earlier_runs(0.99))
    verdict = judge(group_of(candidate), linked, RULES)
    assert verdict is not None
    assert verdict.kind is VerdictKind.REGRESSION


@pytest.mark.parametrize(
    ("rho", "margin", "affordable"),
    [(0.99, 0.006, True), (0.99, 0.002, False), (0.75, 0.006, False)],
    ids=["found by linked seeds", "too small for them too", "weak link"],
)
def test_a_margin_is_affordable_where_linked_seeds_find_it(
    rho: float, margin: float, affordable: bool
) -> None:
    baseline = baseline_of(BASELINE, pairing=earlier_runs(rho, commits=4))
    verdict = judge(group_of({0: 0.9}, n=5, margin=margin), baseline, RULES)
    assert (verdict is None) == affordable
    if verdict is not None:
        assert verdict.kind is VerdictKind.UNAFFORDABLE
        assert re.search(r"\. Linked seeds detect [\d.]+ with power 0\.8$", verdict.reasons[0])


def test_always_linked_seeds_are_not_held_to_a_margin_before_they_run() -> None:
    rules = Rules(alpha=0.01, pairing="always")
    case = group_of({0: 0.9}, n=5, margin=0.002)
    assert judge(case, baseline_of(BASELINE), rules) is None


@pytest.mark.parametrize(
    "baseline",
    [dict.fromkeys(range(20), 1.0), BASELINE | {4: nan}],
    ids=["constant", "a failed seed"],
)
def test_a_baseline_that_linked_seeds_cannot_use_is_planned_and_checked_without(
    baseline: dict[int, float],
) -> None:
    stored = baseline_of(baseline, pairing=earlier_runs(0.99, commits=4))
    case = group_of({0: 0.9}, n=5, margin=0.006)
    found, without = (judge(case, either, RULES) for either in (stored, baseline_of(baseline)))
    assert (found and found.reasons) == (without and without.reasons)
    (planned,) = plan_test("test_fit", "default", 5, stored, RULES).metrics
    assert planned.linked is None
    assert planned.plan is None or planned.plan.alpha == RULES.alpha


def test_bit_identical_recordings_link_nothing() -> None:
    same = tuple((seed, value, value) for seed, value in BASELINE.items())
    runs = [PairedRun(commit=f"c{commit}", metrics={"accuracy": same}) for commit in range(3)]
    assert link_of("accuracy", baseline_of(BASELINE, pairing=runs), RULES) is None


def test_the_plan_names_the_link_and_what_it_detects() -> None:
    baseline = baseline_of(BASELINE, pairing=earlier_runs(0.99))
    (metric,) = plan_test("test_fit", "default", 11, baseline, RULES).metrics
    assert metric.plan is not None
    assert metric.linked is not None
    assert metric.linked.detectable_90 is not None
    assert metric.linked.detectable_90 < metric.plan.detectable_90
    assert metric.plan.alpha == pytest.approx(0.009)
    assert metric.linked.looks == (6, 11)
    (alone,) = plan_test("test_fit", "default", 11, baseline_of(BASELINE), RULES).metrics
    assert alone.linked is None
