"""The decision on one test whose base and candidate train in the same run."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from pytest_mlregress.running.result import RecordedMetric, SeedResult
from pytest_mlregress.verdicts.afterwards import late_notes, with_late_seed
from pytest_mlregress.verdicts.group import SeedGroup
from pytest_mlregress.verdicts.live_pairs import base_artifact, judge_live_pairs
from pytest_mlregress.verdicts.policy import Rules
from pytest_mlregress.verdicts.verdict import Colour, Verdict, VerdictKind
from tests.judge_cases import PROVENANCE, ended, group, group_of, metric, passed

RULES = Rules(alpha=0.05, base_label="main (4041c47)")


def judged(candidate: SeedGroup, base: SeedGroup, rules: Rules = RULES) -> Verdict | None:
    return judge_live_pairs(candidate, base, PROVENANCE, rules)


def decided(candidate: SeedGroup, base: SeedGroup, rules: Rules = RULES) -> Verdict:
    verdict = judged(candidate, base, rules)
    assert verdict is not None
    return verdict


def values(n: int, *, seed: int = 0, mean: float = 0.9, sd: float = 0.01) -> dict[int, float]:
    draws = np.random.default_rng(seed).normal(mean, sd, n)
    return {number: float(value) for number, value in enumerate(draws)}


def moved(sample: Mapping[int, float], by: float, *, noise: float = 0.0) -> dict[int, float]:
    draws = np.random.default_rng(99).normal(0.0, 1.0, len(sample))
    return {
        seed: value + by + noise * float(draw)
        for (seed, value), draw in zip(sample.items(), draws, strict=True)
    }


def test_two_bit_equal_pairs_are_identical() -> None:
    sample = values(5)
    verdict = decided(group_of(sample, n=5), group_of(sample, n=5))
    assert (verdict.kind, verdict.colour) == (VerdictKind.IDENTICAL, Colour.GREEN)
    assert verdict.decided_after == 2
    assert verdict.base == "main (4041c47)"


@pytest.mark.parametrize("side", ["candidate", "base"])
def test_code_from_elsewhere_is_red_before_anything_is_compared(side: str) -> None:
    """Two sides that are the same code would be identical, whatever the change."""
    sides = {"candidate": group_of(values(5), n=5), "base": group_of(values(5), n=5)}
    sides[side].wrong_origin = "test.py::test[seed0]: module demo was imported from /clone/demo.py"
    verdict = decided(sides["candidate"], sides["base"])
    assert (verdict.kind, verdict.colour) == (VerdictKind.INCOMPARABLE, Colour.RED)
    assert verdict.reasons == (sides[side].wrong_origin,)
    (step,) = verdict.next_steps
    assert step.startswith("once each side imports its own code, run it again: pytest ")


@pytest.mark.parametrize("ahead", ["base", "candidate"])
def test_a_look_waits_for_the_same_pairs_of_both_sides(ahead: str) -> None:
    sample = values(5)
    some = {seed: value for seed, value in sample.items() if seed < 1}
    sides = (group_of(some, n=5), group_of(sample, n=5))
    candidate, base = sides if ahead == "base" else sides[::-1]
    assert judged(candidate, base) is None


def test_a_loss_in_linked_seeds_is_red_after_five_pairs() -> None:
    base = values(5)
    verdict = decided(group_of(moved(base, -0.02, noise=0.001)), group_of(base))
    assert (verdict.kind, verdict.decided_after) == (VerdictKind.REGRESSION, 5)
    (accuracy,) = verdict.metrics
    assert accuracy.reasons == ("lost 0.0203 against main (4041c47)",)
    sides = [np.array(list(side.values())) for side in (accuracy.baseline, accuracy.candidate)]
    pooled = math.sqrt(np.mean([side.var(ddof=1) for side in sides]))
    reach = float(stats.t.ppf(0.975, 8)) * pooled * math.sqrt(2 / 5)
    assert accuracy.same_side_spread == pytest.approx(reach)


def test_a_test_of_many_metrics_shares_its_level() -> None:
    base = values(5)
    lost = moved(base, -0.02, noise=0.001)

    def side(sample: Mapping[int, float]) -> SeedGroup:
        return group(
            5,
            *(
                passed(seed, metric(value), metric(value, name="recall"))
                for seed, value in sample.items()
            ),
        )

    verdict = decided(side(lost), side(base))
    assert [found.alpha for found in verdict.metrics] == [0.025, 0.025]


def test_a_total_collapse_is_red_at_the_level_of_twenty_tests() -> None:
    base = values(5)
    verdict = decided(
        group_of(values(5, seed=1, mean=0.1)), group_of(base), replace(RULES, alpha=0.0025)
    )
    assert verdict.kind is VerdictKind.REGRESSION
    notes = verdict.metrics[0].notes
    assert any("which assumes normal values" in note for note in notes)
    assert (
        "5 pairs: sign flips reach 1/32 = .031 and two samples 1/252 = .0040, this suite's level "
        "is .0025: 9 pairs (--mlregress-seeds=9)" in notes
    )


def test_a_failed_seed_is_red_only_if_the_base_passed_it() -> None:
    base = values(5)
    rest = [passed(seed, metric(value)) for seed, value in base.items() if seed != 2]
    failing = group(5, *rest, ended(2, "failed"))
    both_passed = group_of(base)
    assert decided(failing, both_passed).kind is VerdictKind.DIVERGED
    verdict = decided(failing, failing)
    assert (verdict.kind, verdict.colour) == (VerdictKind.NO_BASELINE, Colour.YELLOW)
    assert verdict.reasons == (
        "seed 2 of main (4041c47) failed: ValueError: boom, and so did the candidate's",
    )
    verdict = decided(both_passed, failing)
    assert (verdict.kind, verdict.colour) == (VerdictKind.NO_BASELINE, Colour.YELLOW)
    assert verdict.reasons == ("seed 2 of main (4041c47) failed: ValueError: boom",)
    assert decided(both_passed, failing, replace(RULES, strict=True)).colour is Colour.RED


def test_a_failed_seed_waits_for_the_same_seed_of_the_base() -> None:
    base = values(5)
    without = {seed: value for seed, value in base.items() if seed != 2}
    failing = group(5, ended(2, "failed"))
    assert judged(failing, group_of(without, n=5)) is None
    assert decided(failing, group_of(base)).kind is VerdictKind.DIVERGED


def test_all_seeds_that_fail_are_red_though_one_of_the_base_failed_too() -> None:
    base = group(5, ended(0, "failed"), *(passed(s, metric(0.9 + s / 1000)) for s in range(1, 5)))
    failing = group(5, *(ended(seed, "failed") for seed in range(5)))
    verdict = decided(failing, base)
    assert (verdict.kind, verdict.colour) == (VerdictKind.DIVERGED, Colour.RED)


def test_a_base_that_cannot_run_is_yellow_with_its_reason() -> None:
    base = group(5)
    base.unavailable = "tests/test_fit.py cannot be imported there: no module named 'fit'"
    verdict = decided(group_of(values(5)), base)
    assert (verdict.kind, verdict.colour) == (VerdictKind.NO_BASELINE, Colour.YELLOW)
    assert verdict.reasons == (base.unavailable,)
    assert not any("--mlregress-update" in step for step in verdict.next_steps)
    assert judged(group(5), base) is None
    assert decided(group(5, ended(0, "failed")), base).kind is VerdictKind.DIVERGED


def test_not_a_number_on_one_side_is_red_and_on_both_is_not() -> None:
    base = values(5)
    lost = {**base, 0: math.nan}
    assert decided(group_of(lost), group_of(base)).kind is VerdictKind.DIVERGED
    kind = decided(group_of(lost), group_of({**lost, 1: 0.5})).kind
    assert kind not in (VerdictKind.DIVERGED, VerdictKind.REGRESSION)
    assert decided(group_of(base), group_of(lost)).colour is not Colour.RED


def test_a_metric_of_one_side_alone_is_incomparable() -> None:
    base = values(5)
    more = group(5, *(passed(s, metric(v), metric(v, name="f1")) for s, v in base.items()))
    verdict = decided(more, group_of(base))
    assert verdict.kind is VerdictKind.INCOMPARABLE
    assert verdict.reasons == ("metric 'f1' is new: main (4041c47) does not have it",)
    verdict = decided(group_of(base), more)
    assert verdict.reasons == (
        "metric 'f1' is missing: main (4041c47) has it, no seed recorded it",
    )
    assert not any("--mlregress-update" in step for step in verdict.next_steps)


def test_a_margin_that_so_few_pairs_cannot_afford_asks_for_more() -> None:
    base = values(5)
    verdict = decided(
        group_of(moved(base, 0.0, noise=0.01), margin=0.005), group_of(base, margin=0.005)
    )
    assert (verdict.kind, verdict.colour) == (VerdictKind.UNAFFORDABLE, Colour.YELLOW)
    (accuracy,) = verdict.metrics
    assert accuracy.reasons[0] == (
        "margin 0.005 is 0.53 SD of a side's seeds; 5 pairs show 0.0207 with 90 % power: "
        "81 pairs would show it (--mlregress-seeds=81)"
    )
    assert accuracy.comparison is not None
    assert accuracy.comparison.detectable == pytest.approx(0.0207, abs=5e-5)
    assert accuracy.declared == 0.005


def test_a_deterministic_training_is_one_pair_bit_for_bit() -> None:
    rules = replace(RULES, deterministic=True)
    one = group_of({0: 0.9})
    assert decided(one, one, rules).kind is VerdictKind.IDENTICAL
    verdict = decided(group_of({0: 0.8999}), one, rules)
    assert verdict.kind is VerdictKind.REGRESSION
    assert verdict.reasons == ("deterministic=True, but accuracy moved from 0.9 to 0.8999",)


def test_expect_identical_is_red_at_the_first_moved_bit() -> None:
    rules = replace(RULES, expect="identical")
    base = values(5)
    assert decided(group_of(base), group_of(base), rules).kind is VerdictKind.IDENTICAL
    one = {**base, 0: base[0] + 1e-15}
    verdict = decided(group_of(one), group_of(base), rules)
    assert (verdict.kind, verdict.decided_after) == (VerdictKind.REGRESSION, 1)


def test_a_coarse_metric_takes_more_than_two_bit_equal_pairs() -> None:
    base = {seed: share / 50 for seed, share in enumerate((45, 46, 44, 47, 43))}
    two = {seed: value for seed, value in base.items() if seed < 2}
    assert judged(group_of(two, n=5), group_of(two, n=5)) is None
    # The third pair excludes a loss of the margin before the fourth shows that no bit moved.
    verdict = decided(group_of(base), group_of(base))
    assert (verdict.kind, verdict.decided_after) == (VerdictKind.PASS, 3)


def test_the_verdict_does_not_depend_on_the_order_in_which_seeds_finish() -> None:
    base = values(8)
    lost = moved(base, -0.02, noise=0.003)
    whole = decided(group_of(lost), group_of(base))
    for done in range(1, 9):
        some = {seed: value for seed, value in lost.items() if seed < done}
        verdict = judged(group_of(some, n=8), group_of(base))
        if verdict is not None:
            assert verdict.metrics == whole.metrics
            assert verdict.decided_after == whole.decided_after


def test_no_metric_on_either_side_passes_and_on_one_is_incomparable() -> None:
    bare = group(2, *(SeedResult(seed, "finished") for seed in range(2)))
    assert decided(bare, bare).kind is VerdictKind.PASS
    assert decided(bare, group_of(values(2))).kind is VerdictKind.INCOMPARABLE


def test_the_base_artifact_holds_what_passed_and_no_revision() -> None:
    base = group(3, passed(0, metric(0.9)), ended(1, "failed"), passed(2, metric(0.8)))
    artifact = base_artifact(base, PROVENANCE)
    assert artifact.metrics["accuracy"].values == {0: 0.9, 2: 0.8}
    assert (artifact.revision, artifact.ledger) == ("", ())


def test_a_lower_metric_is_judged_in_its_direction() -> None:
    base = values(5)

    def side(sample: Mapping[int, float]) -> SeedGroup:
        return group(
            5,
            *(
                passed(seed, RecordedMetric("loss", value, higher_is_better=False))
                for seed, value in sample.items()
            ),
        )

    worse = moved(base, 0.02, noise=0.001)
    assert decided(side(worse), side(base)).kind is VerdictKind.REGRESSION
    assert decided(side(base), side(worse)).colour is Colour.GREEN


def test_a_late_failure_counts_only_if_the_base_passed_that_seed() -> None:
    base = values(5)
    verdict = decided(group_of(base), group_of(base))
    late = group_of(base)
    late.results[4] = ended(4, "failed")
    late.base = group_of(base)
    assert with_late_seed(verdict, late, 4).kind is VerdictKind.DIVERGED
    late.base.results[4] = ended(4, "failed")
    after = with_late_seed(verdict, late, 4)
    assert (after.kind, after.colour) == (VerdictKind.IDENTICAL, Colour.GREEN)
    assert after.notes[-1] == (
        "seed 4 failed after the verdict: ValueError: boom; the base has not passed it either"
    )


def test_a_bit_that_moved_among_the_pairs_of_a_decision_is_not_identical() -> None:
    base = dict(enumerate((0.90, 0.92, 0.94, 0.91, 0.96)))
    lost = {**base, 3: 0.10, 4: 0.12}
    verdict = decided(group_of(lost, margin=0.01), group_of(base, margin=0.01))
    assert verdict.kind is not VerdictKind.IDENTICAL
    assert verdict.decided_after == 5


def test_what_workers_trained_beyond_an_identical_decision_is_named_and_changes_nothing() -> None:
    """Whether the last pair had trained by then is a matter of timing, at -n0 it never has."""
    base = values(5)
    group, first = group_of({**base, 4: 0.1}), group_of({0: base[0], 1: base[1]}, n=5)
    group.base = group_of(base)
    verdict = decided(group, group.base)
    alone = decided(first, group_of(base))
    assert (verdict.kind, verdict.decided_after) == (VerdictKind.IDENTICAL, 2)
    assert (alone.kind, alone.decided_after) == (verdict.kind, verdict.decided_after)
    assert late_notes(verdict, group) == (
        f"seed 4, on which the verdict does not rest: accuracy moved from {base[4]} to 0.1",
    )


_COARSE = st.integers(40, 50).map(lambda correct: correct / 50)
_FINE = st.floats(0.5, 1.0, exclude_min=True, exclude_max=True)


@given(
    st.lists(_COARSE, min_size=2, max_size=8) | st.lists(_FINE, min_size=2, max_size=8),
    st.sets(st.integers(0, 7)),
)
def test_identical_means_that_every_pair_of_the_decision_is_bit_equal(
    sample: list[float], changed: set[int]
) -> None:
    n = len(sample)
    base = dict(enumerate(sample))
    candidate = {seed: value - 0.1 * (seed in changed) for seed, value in base.items()}
    for ready in range(1, n + 1):
        some = {seed: candidate[seed] for seed in range(ready)}
        verdict = judged(group_of(some, n=n), group_of(base, n=n))
        if verdict is not None and verdict.kind is VerdictKind.IDENTICAL:
            assert not changed & set(range(verdict.decided_after))
            assert verdict.decided_after == len(verdict.metrics[0].candidate)
            # Fewer pairs had not been evidence enough, and more keep the verdict.
            rest = {seed: base[seed] for seed in range(n)}
            again = decided(group_of(rest, n=n), group_of(base, n=n))
            assert (again.kind, again.decided_after) == (verdict.kind, verdict.decided_after)


def test_not_a_number_on_the_base_is_a_seed_that_failed_there() -> None:
    base = values(5)
    verdict = decided(group_of(base), group_of({**base, 3: math.nan}))
    assert (verdict.kind, verdict.colour) == (VerdictKind.NO_BASELINE, Colour.YELLOW)
    assert verdict.reasons == ("seed 3 of main (4041c47) gave no finite value: accuracy is nan",)


def test_not_a_number_everywhere_on_both_sides_is_yellow() -> None:
    lost = dict.fromkeys(range(5), math.nan)
    verdict = decided(group_of(lost), group_of(lost))
    assert (verdict.kind, verdict.colour) == (VerdictKind.NO_BASELINE, Colour.YELLOW)
    assert decided(group_of(lost), group_of({**values(5), 0: math.nan})).colour is Colour.RED
    verdict = decided(group_of(lost), group_of(lost), replace(RULES, on_nonfinite="test"))
    assert verdict.kind not in (VerdictKind.DIVERGED, VerdictKind.PASS)


def test_a_deterministic_change_in_another_environment_is_inconclusive() -> None:
    rules = replace(RULES, deterministic=True)
    candidate, base = group_of({0: 0.8999}), group_of({0: 0.9})
    candidate.environment, base.environment = (
        {"packages": {"torch": version}} for version in ("2.6", "2.5")
    )
    verdict = decided(candidate, base, rules)
    assert (verdict.kind, verdict.colour) == (VerdictKind.INCONCLUSIVE, Colour.YELLOW)
    assert "another environment may round otherwise" in verdict.reasons[-1]


def test_the_interval_is_that_of_the_test_that_decides() -> None:
    """Linked pairs show a gain by their differences: the interval must not include zero."""
    base = values(8, sd=0.05)
    verdict = decided(group_of(moved(base, 0.01, noise=0.001)), group_of(base))
    if verdict.kind is VerdictKind.IMPROVEMENT:
        comparison = verdict.metrics[0].comparison
        assert comparison is not None
        assert comparison.interval[0] > 0.0
    assert verdict.kind is VerdictKind.IMPROVEMENT


def test_no_reason_of_another_test_stands_beside_a_shown_loss() -> None:
    rules = replace(RULES, alpha=0.0025)
    verdict = decided(group_of(values(5, seed=1, mean=0.1)), group_of(values(5)), rules)
    assert not any("no loss can be shown" in reason for reason in verdict.metrics[0].reasons)


def test_a_loss_below_the_automatic_margin_says_why_it_is_red() -> None:
    base = values(5)
    verdict = decided(group_of(moved(base, -0.008, noise=0.0005)), group_of(base))
    assert verdict.kind is VerdictKind.REGRESSION
    assert (
        verdict.metrics[0].reasons[1].startswith("a loss above the standard error of a side, 0.0")
    )
    assert verdict.metrics[0].reasons[1].endswith("; declare a margin to accept it")


def test_next_steps_name_the_pairs_that_the_reason_names() -> None:
    base = values(5)
    verdict = decided(
        group_of(moved(base, 0.0, noise=0.01), margin=0.005), group_of(base, margin=0.005)
    )
    assert verdict.next_steps[1].startswith("run more pairs: pytest ")
    assert verdict.next_steps[1].endswith("--mlregress-seeds=81")


def test_expect_identical_asks_for_no_more_seeds() -> None:
    base = values(5)
    one = {**base, 0: base[0] + 1e-15}
    verdict = decided(group_of(one), group_of(base), replace(RULES, expect="identical"))
    assert not any("--mlregress-seeds" in step for step in verdict.next_steps)
