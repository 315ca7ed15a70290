"""The decision on one test, from the results of its seeds."""

import math
import re
from dataclasses import replace
from itertools import permutations
from pathlib import Path

import pytest

from judge_cases import (
    baseline_of,
    ended,
    group,
    group_of,
    metric,
    normal,
    passed,
)
from pytest_mlregress.baselines.provenance import WorkingTree
from pytest_mlregress.revisions.history import History
from pytest_mlregress.verdicts.judge import judge
from pytest_mlregress.verdicts.plan import plan_test
from pytest_mlregress.verdicts.policy import Rules
from pytest_mlregress.verdicts.verdict import Colour, VerdictKind

RULES = Rules(alpha=0.01)
FIXED = Rules(alpha=0.01, early=False)
BASELINE = normal(20, seed=1)


def shifted(by: float, n: int = 5) -> dict[int, float]:
    return {seed: value + by for seed, value in normal(n, seed=2).items()}


def test_an_unchanged_metric_passes_before_the_last_seed() -> None:
    verdict = judge(group_of(shifted(0.0), n=11), baseline_of(BASELINE), RULES)
    assert verdict is not None
    assert (verdict.kind, verdict.colour) == (VerdictKind.PASS, Colour.GREEN)
    assert verdict.decided_after < 11


def test_a_large_loss_is_red_and_says_what_was_compared() -> None:
    verdict = judge(group_of(shifted(-0.05)), baseline_of(BASELINE), RULES)
    assert verdict is not None
    assert (verdict.kind, verdict.colour) == (VerdictKind.REGRESSION, Colour.RED)
    (accuracy,) = verdict.metrics
    assert accuracy.comparison is not None
    assert accuracy.comparison.difference == pytest.approx(-0.05, abs=1e-3)
    assert accuracy.baseline == BASELINE


class KnowsEveryCommit(History):
    tree = WorkingTree(commit="f" * 40)

    def knows(self, commit: str | None) -> bool:
        return commit is not None

    def commits_since(self, commit: str) -> int | None:
        return 1


@pytest.mark.parametrize(
    ("commit", "logs"),
    [
        ("0123456789abcdef", ("git log --oneline 0123456789..HEAD -- ':!*__baselines__*'",)),
        ("$(rm -rf ~)", ()),
        ("--output=x", ()),
        (None, ()),
    ],
)
def test_only_a_hexadecimal_commit_stands_in_a_command(
    commit: str | None, logs: tuple[str, ...]
) -> None:
    baseline = baseline_of(BASELINE)
    baseline = replace(baseline, provenance=replace(baseline.provenance, commit=commit))

    verdict = judge(group_of(shifted(-0.05)), baseline, RULES, KnowsEveryCommit(Path()))

    assert verdict is not None
    assert tuple(s.split(": ", 1)[1] for s in verdict.next_steps if "git log" in s) == logs
    assert verdict.baseline_commit == (commit if logs else None)


def test_a_large_gain_is_an_improvement_and_suggests_an_update() -> None:
    verdict = judge(group_of(shifted(+0.05)), baseline_of(BASELINE), FIXED)
    assert verdict is not None
    assert verdict.kind is VerdictKind.IMPROVEMENT
    assert verdict.next_steps == (
        "keep the gain: pytest 'tests/test_fit.py::test_fit' --mlregress-update",
    )


def test_a_real_loss_below_a_fixed_margin_is_minor() -> None:
    baseline = baseline_of(BASELINE, margin=0.1)
    verdict = judge(group_of(shifted(-0.03), margin=0.1), baseline, FIXED)
    assert verdict is not None
    assert (verdict.kind, verdict.colour) == (VerdictKind.MINOR, Colour.GREEN)
    assert replace(FIXED, strict=True).colour(verdict.kind) is Colour.RED


@pytest.mark.parametrize(
    ("resolution", "kind"), [(None, VerdictKind.REGRESSION), (0.01, VerdictKind.MINOR)]
)
def test_half_a_step_below_a_constant_baseline_is_minor_where_the_step_is_known(
    resolution: float | None, kind: VerdictKind
) -> None:
    baseline = baseline_of(dict.fromkeys(range(20), 1.0), resolution=resolution)
    values = {seed: 0.99 if seed % 2 else 1.0 for seed in range(6)}
    verdict = judge(group_of(values, resolution=resolution), baseline, FIXED)
    assert verdict is not None
    assert verdict.kind is kind
    (accuracy,) = verdict.metrics
    assert accuracy.comparison is not None
    assert accuracy.comparison.margin == (resolution or 0.0)


@pytest.mark.parametrize("resolution", [None, 0.01])
def test_a_whole_step_below_a_constant_baseline_is_red(resolution: float | None) -> None:
    baseline = baseline_of(dict.fromkeys(range(20), 1.0), resolution=resolution)
    values = dict.fromkeys(range(6), 0.99)
    verdict = judge(group_of(values, resolution=resolution), baseline, FIXED)
    assert verdict is not None
    assert verdict.kind is VerdictKind.REGRESSION


@pytest.mark.parametrize("values", [dict.fromkeys(range(20), 1.0), {0: 0.9}, {0: 0.9, 1: math.nan}])
def test_a_baseline_without_a_spread_has_a_plan_that_says_so(values: dict[int, float]) -> None:
    planned = plan_test("test_fit", "default", 5, baseline_of(values, resolution=0.01), RULES)
    (accuracy,) = planned.metrics
    assert accuracy.plan is None
    assert re.search("the spread is 0.0|a spread needs at least 2", accuracy.problem)


def test_noise_that_excludes_neither_is_inconclusive() -> None:
    baseline = baseline_of(BASELINE, margin=0.021)
    wide = normal(5, seed=2, mean=0.89, sd=0.03)
    verdict = judge(group_of(wide, margin=0.021), baseline, FIXED)
    assert verdict is not None
    assert (verdict.kind, verdict.colour) == (VerdictKind.INCONCLUSIVE, Colour.YELLOW)


def test_the_verdict_is_open_until_the_first_seeds_by_number_are_there() -> None:
    values = shifted(0.0)
    late = {seed: value for seed, value in values.items() if seed != 0}
    assert judge(group_of(late, n=5), baseline_of(BASELINE), RULES) is None


def test_the_order_of_arrival_changes_nothing() -> None:
    values = {seed: value - 0.03 for seed, value in normal(4, seed=3).items()}
    verdicts = set()
    for order in permutations(values):
        case = group(4)
        found = None
        for seed in order:
            case.results[seed] = passed(seed, metric(values[seed]))
            found = found or judge(case, baseline_of(BASELINE), RULES)
        assert found is not None
        verdicts.add((found.kind, found.decided_after))
    assert len(verdicts) == 1


def test_bit_equal_seeds_are_identical_after_two() -> None:
    same = {seed: BASELINE[seed] for seed in range(2)}
    verdict = judge(group_of(same, n=5), baseline_of(BASELINE), RULES)
    assert verdict is not None
    assert (verdict.kind, verdict.decided_after) == (VerdictKind.IDENTICAL, 2)


def coarse(seeds: int) -> dict[int, float]:
    """A baseline whose seeds are tied so often that identity takes 4 of them."""
    levels = [0.90, 0.92, 0.94, 0.96, 0.98, 0.90, 0.92, 0.94, 0.96, 0.98, 0.91, 0.93, 0.95]
    return {seed: levels[seed % len(levels)] for seed in range(seeds)}


def test_two_equal_seeds_of_a_coarse_metric_are_no_proof() -> None:
    baseline = baseline_of({seed: 0.9 + 0.02 * (seed % 3) for seed in range(20)})
    same = {seed: 0.9 + 0.02 * (seed % 3) for seed in range(2)}
    assert judge(group_of(same, n=11), baseline, RULES) is None
    other = same | {2: 0.9, 3: 0.92, 4: 0.94, 5: 0.92}
    verdict = judge(group_of(other, n=11), baseline, RULES)
    assert verdict is not None
    assert (verdict.kind, verdict.decided_after) == (VerdictKind.PASS, 6)


def test_all_seeds_run_are_all_compared() -> None:
    rules = replace(RULES, early=False)
    same = {seed: BASELINE[seed] for seed in range(5)}
    verdict = judge(group_of(same), baseline_of(BASELINE), rules)
    assert verdict is not None
    assert (verdict.kind, verdict.decided_after) == (VerdictKind.IDENTICAL, 5)
    moved = same | {4: same[4] + 1e-6}
    verdict = judge(group_of(moved), baseline_of(BASELINE), rules)
    assert verdict is not None
    assert verdict.kind is not VerdictKind.IDENTICAL


def unlucky() -> dict[int, float]:
    """A coarse baseline whose first seeds happen to be its worst."""
    return {seed: 0.5 + 0.01 * (seed % 2) if seed < 5 else 0.9 + 0.01 * (seed % 3)
            for seed in range(20)}  # fmt: skip


def test_bit_equal_seeds_of_an_unlucky_start_are_no_regression() -> None:
    baseline, rules = baseline_of(unlucky()), replace(RULES, alpha=0.2)
    first = {seed: unlucky()[seed] for seed in range(3)}
    assert judge(group_of(first, n=11), baseline, rules) is None
    moved = first | {3: 0.52}
    verdict = judge(group_of(moved, n=11), baseline, rules)
    assert verdict is not None
    assert (verdict.kind, verdict.decided_after) == (VerdictKind.REGRESSION, 3)
    whole = {seed: unlucky()[seed] for seed in range(8)}
    verdict = judge(group_of(whole, n=11), baseline, rules)
    assert verdict is not None
    assert verdict.kind is VerdictKind.IDENTICAL


@pytest.mark.parametrize("values", [unlucky(), coarse(20)], ids=["unlucky", "coarse"])
def test_identity_does_not_depend_on_the_order_of_arrival(values: dict[int, float]) -> None:
    rules, found = replace(RULES, alpha=0.2), set()
    for order in ([0, 1, 2, 3, 4, 5, 6, 7], [7, 6, 5, 4, 3, 2, 1, 0], [1, 0, 4, 3, 2, 7, 5, 6]):
        case = group(8)
        verdict = None
        for seed in order:
            case.results[seed] = passed(seed, metric(values[seed]))
            verdict = verdict or judge(case, baseline_of(values), rules)
        assert verdict is not None
        found.add((verdict.kind, verdict.decided_after))
    assert len(found) == 1


def test_expect_identical_turns_one_moved_bit_red() -> None:
    moved = {0: BASELINE[0], 1: math.nextafter(BASELINE[1], 1.0)}
    rules = replace(RULES, expect="identical")
    verdict = judge(group_of(moved, n=2), baseline_of(BASELINE), rules)
    assert verdict is not None
    assert verdict.kind is VerdictKind.REGRESSION
    assert verdict.reasons[0].startswith(
        f"expect='identical', but accuracy of seed 1 moved from {BASELINE[1]!r} to"
    )


def test_a_failed_seed_is_red_whatever_else_there_is() -> None:
    case = group(5, passed(0, metric(0.9)), ended(3, "failed"))
    verdict = judge(case, baseline_of(BASELINE), RULES)
    assert verdict is not None
    assert verdict.kind is VerdictKind.DIVERGED
    assert verdict.reasons == ("seed 3 failed: ValueError: boom",)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_non_finite_seed_where_the_baseline_has_none_is_diverged(value: float) -> None:
    values = shifted(0.0) | {1: value}
    verdict = judge(group_of(values), baseline_of(BASELINE), RULES)
    assert verdict is not None
    assert (verdict.kind, verdict.colour) == (VerdictKind.DIVERGED, Colour.RED)


def test_on_nonfinite_test_lets_one_lost_seed_be() -> None:
    values = shifted(0.0) | {4: math.nan}
    rules = replace(FIXED, on_nonfinite="test")
    verdict = judge(group_of(values), baseline_of(BASELINE), rules)
    assert verdict is not None
    assert verdict.colour is not Colour.RED


def test_part_of_the_seeds_is_never_a_pass() -> None:
    case = group(5, passed(0, metric(0.9)), selected=[0])
    verdict = judge(case, baseline_of(BASELINE), RULES)
    assert verdict is not None
    assert (verdict.kind, verdict.colour) == (VerdictKind.INCOMPLETE, Colour.YELLOW)
    assert verdict.reasons == ("1 of 5 seeds were selected; a verdict needs all of them",)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"version": 2}, "metric 'accuracy' now has version=2, the baseline 1"),
        (
            {"higher_is_better": False},
            "metric 'accuracy' now has higher_is_better=False, the baseline True",
        ),
    ],
)
def test_a_changed_metric_is_never_compared(change: dict[str, object], reason: str) -> None:
    changed = replace(metric(0.9), **change)
    verdict = judge(group(5, passed(0, changed)), baseline_of(BASELINE), RULES)
    assert verdict is not None
    assert (verdict.kind, verdict.colour) == (VerdictKind.INCOMPARABLE, Colour.RED)
    assert verdict.reasons == (reason,)


@pytest.mark.parametrize(
    ("recorded", "declared", "note"),
    [
        (None, 0.03, "0.03, the baseline was recorded with auto"),
        (0.03, "auto", "auto, the baseline was recorded with 0.03"),
        (0.03, "5%", "5% = 0.045, the baseline was recorded with 0.03"),
        (0.03, " 4sd ", "4sd = 0.04, the baseline was recorded with 0.03"),
    ],
)
def test_the_margin_of_the_code_decides(
    recorded: float | None, declared: float | str, note: str
) -> None:
    baseline = baseline_of(BASELINE, margin=recorded)
    verdict = judge(group_of(shifted(0.0001), margin=declared), baseline, FIXED)
    assert verdict is not None
    assert verdict.kind is VerdictKind.PASS
    assert verdict.notes == (f"the margin of 'accuracy' is {note}; the check goes by the former",)
    (accuracy,) = verdict.metrics
    assert (accuracy.declared, accuracy.recorded_margin) == (declared, recorded or "auto")
    assert accuracy.comparison is not None
    if declared != "auto":
        in_words = note.partition(",")[0].rpartition("= ")[2]
        assert accuracy.comparison.margin == pytest.approx(float(in_words))


def test_a_missing_and_a_new_metric_are_incomparable() -> None:
    case = group(5, passed(0, metric(0.9, name="f1")))
    verdict = judge(case, baseline_of(BASELINE), RULES)
    assert verdict is not None
    assert verdict.reasons == (
        "metric 'f1' is new: the baseline does not have it",
        "metric 'accuracy' is missing: the baseline has it, no seed recorded it",
    )


def test_another_data_set_is_never_compared() -> None:
    case = group(5, passed(0, metric(0.9), data={"train": "abc"}))
    verdict = judge(case, baseline_of(BASELINE), RULES)
    assert verdict is not None
    assert verdict.reasons == (
        "data 'train' has the fingerprint abc, the baseline was recorded with none",
    )


def test_seeds_that_contradict_each_other_are_an_error() -> None:
    case = group(5, passed(0, metric(0.9)), passed(1, metric(0.9, margin=0.02)))
    verdict = judge(case, baseline_of(BASELINE), RULES)
    assert verdict is not None
    assert verdict.kind is VerdictKind.INCOMPARABLE
    assert verdict.reasons == (
        "metric 'accuracy': seed 1 recorded margin=0.02, an earlier seed 'auto'; "
        "it must be the same in every seed",
    )


def test_without_baseline_one_seed_is_enough_to_say_so() -> None:
    verdict = judge(group(5, passed(0, metric(0.9))), None, RULES)
    assert verdict is not None
    assert (verdict.kind, verdict.colour) == (VerdictKind.NO_BASELINE, Colour.RED)
    lenient = replace(RULES, missing="warn")
    assert judge(group(5, passed(0, metric(0.9))), None, lenient) is None
    verdict = judge(group_of(shifted(0.0)), None, lenient)
    assert verdict is not None
    assert verdict.colour is Colour.YELLOW


def test_without_a_metric_every_seed_has_to_pass() -> None:
    assert judge(group(2, passed(0)), None, RULES) is None
    verdict = judge(group(2, passed(0), passed(1)), None, RULES)
    assert verdict is not None
    assert verdict.kind is VerdictKind.PASS


def test_the_paired_test_needs_a_baseline_value_for_every_seed() -> None:
    few = {seed: BASELINE[seed] for seed in range(3)}
    rules = replace(FIXED, test="paired")
    verdict = judge(group_of(shifted(0.0)), baseline_of(few), rules)
    assert verdict is not None
    assert verdict.kind is VerdictKind.INCOMPARABLE
    assert verdict.reasons == (
        "test='paired' needs a baseline value of 'accuracy' for every seed; "
        "there is none for 3, 4: record the baseline again",
    )


@pytest.mark.parametrize("test", ["welch", "student", "paired", "rank", "robust-t"])
def test_every_test_finds_a_large_loss(test: str) -> None:
    candidate = {seed: BASELINE[seed] - 0.05 + 0.0001 * seed for seed in range(5)}
    rules = replace(FIXED, test=test)
    verdict = judge(group_of(candidate), baseline_of(BASELINE), rules)
    assert verdict is not None
    assert verdict.kind is VerdictKind.REGRESSION
