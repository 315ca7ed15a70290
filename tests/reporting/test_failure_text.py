"""A failure says what happened, how sure that is, and what to do: whole texts."""

import dataclasses
import math

import pytest
import verdict_cases as cases

from pytest_mlregress.node_ids import name_parts
from pytest_mlregress.reporting.failure_text import failure_text
from pytest_mlregress.reporting.headline import headline
from pytest_mlregress.reporting.sample_text import summarise
from pytest_mlregress.running.result import SeedResult
from pytest_mlregress.statistics import compare
from pytest_mlregress.statistics.pairing import seed_linked
from pytest_mlregress.verdicts.verdict import VerdictKind

LOSSES = (0.001, 0.0011, 0.0012, 0.0013, 0.0014)

REGRESSION = """\
accuracy regressed: 0.9318 -> 0.8874 (-0.0444 [-0.0481, -0.0407])

accuracy: regression (higher is better)
  baseline    mean 0.9318, SD 0.0027, 10 seeds
    0: 0.930  1: 0.935  2: 0.928  3: 0.931  4: 0.934  5: 0.929  6: 0.932
    7: 0.936  8: 0.930  9: 0.933
  now         mean 0.8874, SD 0.0021, 5 seeds
    0: 0.887  1: 0.890  2: 0.885  3: 0.889  4: 0.886
  difference  -0.0444 [-0.0481, -0.0407] (now - baseline, 98 % confidence)
  effect      -17 baseline SDs
  shift       -0.044 [-0.048, -0.041] (Hodges-Lehmann, exact 95 %)
  chance      1 that a seed now is worse; SD ratio 0.78
  robust-t    harm: p = 0.00033, level 0.01: a loss is shown
              safety: p = 1, level 0.01: a loss of the margin is not excluded
  Welch's t   t = -35.5, df = 10.2, two-sided p = 5e-12
  margin      0.01 (declared: 1%)
  detectable  a loss of 0.02, with 90 % power
  why         the loss is larger than the margin

environment   torch 2.12.0 -> 2.13.0
              threads 4 -> 1
seeds         verdict after 5 of 5 planned; 7.5 s of training
baseline of   commit c42af86
next          see it again: pytest tests/test_digits.py::test_digits -n 2
              if it is meant: pytest tests/test_digits.py::test_digits \\
                --mlregress-update"""


def with_comparison(verdict, **fields):
    """The verdict with figures of its first metric replaced, so that a test owns them."""
    first, *others = verdict.metrics
    comparison = dataclasses.replace(first.comparison, **fields)
    first = dataclasses.replace(first, comparison=comparison)
    return dataclasses.replace(verdict, metrics=(first, *others))


def test_a_regression_in_full():
    metric = cases.judged(reasons=("the loss is larger than the margin",))
    metric = dataclasses.replace(metric, declared="1%")
    verdict = dataclasses.replace(cases.regression(), metrics=(metric,))
    verdict = with_comparison(verdict, detectable=0.02)
    assert failure_text(verdict) == REGRESSION


def test_the_headline_stands_alone():
    assert headline(cases.regression()) == (
        "accuracy regressed: 0.9318 -> 0.8874 (-0.0444 [-0.0481, -0.0407]), margin 0.01, "
        "p = 0.00033, 5 vs 10 seeds"
    )


@pytest.mark.parametrize(
    ("width", "line"),
    [
        (86, "accuracy regressed: 0.9318 -> 0.8874 (-0.0444 [-0.0481, -0.0407]), margin 0.01"),
        (70, "accuracy regressed: 0.9318 -> 0.8874 (-0.0444 [-0.0481, -0.0407])"),
        (60, "accuracy regressed: 0.9318 -> 0.8874"),
        (30, "accuracy regressed: 0.9318 ..."),
    ],
)
def test_a_narrow_headline_drops_whole_clauses_first(width, line):
    assert headline(cases.regression(), width=width) == line
    assert failure_text(cases.regression(), width=width).splitlines()[0] == line


def test_the_headline_names_the_other_metrics_that_regressed():
    verdict = cases.verdict(VerdictKind.REGRESSION, cases.judged(), cases.judged("f1"))
    assert headline(verdict).endswith("5 vs 10 seeds; so did f1")


def test_the_green_metrics_of_a_failed_test_get_one_line_each():
    lines = failure_text(cases.regression()).splitlines()
    assert "loss passed: 0.0682 -> 0.0686 (+0.0004 [-0.0030, +0.0038]), margin 0.008" in lines


DIVERGED = """\
2 of 4 seeds diverged: seed 1: accuracy = nan; seed 3: RuntimeError: boom

seed 1: accuracy = nan (after 1.5 s)
seed 3: RuntimeError: boom (after 0.25 s)

accuracy: diverged (higher is better)
  baseline    mean 0.9318, SD 0.0027, 10 seeds
    0: 0.930  1: 0.935  2: 0.928  3: 0.931  4: 0.934  5: 0.929  6: 0.932
    7: 0.936  8: 0.930  9: 0.933
  now         mean nan, SD nan, 3 seeds
    0: 0.930       1: nan         2: 0.930       3: failed      4: not needed

seeds         verdict after 4 of 5 planned, 1 not needed; 4.8 s of training"""


def test_a_diverged_test_names_the_seeds_and_what_became_of_them():
    assert failure_text(cases.diverged()) == DIVERGED


def test_infinities_keep_their_sign():
    metric = cases.judged(candidate={0: math.inf, 1: -math.inf, 2: 0.93})
    text = failure_text(cases.verdict(VerdictKind.DIVERGED, metric))
    assert "    0: inf      1: -inf     2: 0.930    3: missing  4: missing" in text.splitlines()
    assert "seed 1: accuracy = -inf (after 1.5 s)" in text.splitlines()


INCONCLUSIVE = [
    "  robust-t    harm: p = 0.22, level 0.01: a loss is not shown",
    "              safety: p = 0.41, level 0.01: a loss of the margin is not excluded",
]


def test_an_inconclusive_test_says_that_neither_side_is_shown():
    lines = failure_text(cases.inconclusive()).splitlines()
    assert lines[0] == "accuracy is inconclusive: 0.9318 -> 0.9280 (-0.0038 [-0.0190, +0.0064])"
    assert [line for line in lines if "level" in line] == INCONCLUSIVE
    assert lines[-1] == "next          more seeds: pytest --mlregress-seeds=12"


def test_a_minor_loss_is_shown_and_safe():
    lines = failure_text(cases.minor()).splitlines()
    assert lines[0] == "accuracy lost a little: 0.9318 -> 0.9256 (-0.0062 [-0.0093, -0.0033])"
    assert [line for line in lines if "level" in line] == [
        "  robust-t    harm: p = 0.00033, level 0.01: a loss is shown",
        "              safety: p = 0.00033, level 0.01: a loss of the margin is excluded",
    ]


def test_a_margin_that_no_number_of_these_seeds_can_exclude_is_said():
    lines = failure_text(
        with_comparison(cases.inconclusive(), margin=math.inf, detectable=math.inf)
    ).splitlines()
    assert "  margin      none that these seeds could exclude (declared: 0.005)" in lines
    assert "  detectable  no loss, however large: too few seeds for this level" in lines


@pytest.mark.parametrize(
    ("case", "line"),
    [
        (
            cases.incomparable,
            "accuracy is incomparable: its version is 2 here and 1 in the baseline",
        ),
        (
            cases.no_baseline,
            "no baseline: tests/__baselines__/test_digits/test_digits.default.json does not exist",
        ),
        (cases.incomplete, "incomplete, hence no verdict: 2 of 5 seeds were selected"),
        (
            cases.refused,
            "baseline not updated: the working tree has uncommitted changes "
            "(--mlregress-allow-dirty records anyway)",
        ),
        (cases.recorded, "accuracy was recorded"),
        (cases.identical, "identical in 2 seeds"),
        (cases.skipped, "every seed was skipped: no GPU here"),
    ],
)
def test_the_headline_of_what_was_not_compared_gives_the_reason(case, line):
    assert headline(case()) == line


def test_a_long_command_can_still_be_pasted_into_a_shell():
    step = "pytest tests/test_digits.py::test_digits --mlregress-update --mlregress-seeds=20 -n 2"
    lines = failure_text(cases.passed(next_steps=(step, f"again: {step}"))).splitlines()
    assert lines[-4:] == [
        "next          pytest tests/test_digits.py::test_digits --mlregress-update \\",
        "                --mlregress-seeds=20 -n 2",
        "              again: pytest tests/test_digits.py::test_digits \\",
        "                --mlregress-update --mlregress-seeds=20 -n 2",
    ]


def test_seeds_without_a_report_were_not_needed_once_the_verdict_is_certain():
    metric = cases.judged(candidate={0: 0.887, 1: 0.89, 2: 0.885})
    verdict = cases.verdict(
        VerdictKind.REGRESSION,
        metric,
        seeds=cases.seed_results([metric], range(3)),
        decided_after=3,
    )
    lines = failure_text(verdict).splitlines()
    assert "    0: 0.887       1: 0.890       2: 0.885       3: not needed  4: not needed" in lines
    assert lines[-1] == (
        "seeds         verdict after 3 of 5 planned, 2 not needed; 4.5 s of training"
    )


def test_seeds_that_were_not_selected_are_told_from_those_that_did_not_come_back():
    metric = cases.unjudged(VerdictKind.INCOMPLETE, candidate={0: 0.93})
    verdict = cases.verdict(
        VerdictKind.INCOMPLETE,
        metric,
        seeds=(
            *cases.seed_results([metric], [0]),
            SeedResult(1, "lost", message="worker gw0 died"),
        ),
        selected=(0, 1, 2),
        decided_after=1,
    )
    lines = failure_text(verdict).splitlines()
    assert "    0: 0.93        1: lost        2: not run     3: deselected  4: deselected" in lines
    assert "seed 1: worker gw0 died" in lines
    assert "seeds         verdict after 2 of 5 planned, 2 deselected; 1.5 s of training" in lines


def test_a_difference_in_the_last_bit_is_visible():
    metric = cases.unjudged(VerdictKind.REGRESSION, baseline={0: 0.3}, candidate={0: 0.1 + 0.2})
    lines = failure_text(cases.verdict(VerdictKind.REGRESSION, metric)).splitlines()
    assert "    0: 0.29999999999999999" in lines
    assert "    0: 0.30000000000000004  1: missing              2: missing" in lines


@pytest.mark.parametrize("theta", [None, 1.0])
def test_matched_seeds_are_shown_with_their_own_baseline(theta):
    """The five seeds lie above the mean of all ten: beside that, their loss would seem a gain."""
    lost = {
        seed: cases.BASELINE[seed] - loss
        for seed, loss in zip((1, 3, 4, 7, 9), LOSSES, strict=True)
    }
    assert summarise(lost.values()).mean > summarise(cases.BASELINE.values()).mean
    if theta is None:
        baseline = [cases.BASELINE[seed] for seed in lost]
        how = {"test": "paired"}
    else:
        baseline = list(cases.BASELINE.values())
        how = {"linked": seed_linked(cases.BASELINE, lost, theta)}
    comparison = compare(
        baseline, list(lost.values()), higher_is_better=True, margin=0.01, alpha=0.01, **how
    )
    metric = dataclasses.replace(
        cases.unjudged(VerdictKind.MINOR, baseline=cases.BASELINE, candidate=lost),
        comparison=comparison,
    )
    lines = failure_text(cases.verdict(VerdictKind.MINOR, metric)).splitlines()
    assert lines[0].startswith("accuracy lost a little: 0.9338 -> 0.9326 (-0.0012 [")
    assert not [line for line in lines if line.startswith(("  shift", "  chance"))]


def test_a_collapsed_test_is_named_with_all_of_its_parameters() -> None:
    collapsed = SeedResult(0, "failed", message="collapsed early: loss is nan at step 3")
    verdict = dataclasses.replace(
        cases.diverged(), test="test_m.py::TestA::test_d[a::b]", seeds=(collapsed,)
    )
    assert headline(verdict) == "test_d[a::b] collapsed early: loss is nan at step 3"


def test_the_parts_of_a_node_id_leave_parameters_whole() -> None:
    assert name_parts("a/t.py::TestA::TestB::test_d[x[0]::y]") == (
        "TestA", "TestB", "test_d[x[0]::y]",
    )  # fmt: skip
    assert name_parts("a/t.py::test_d") == ("test_d",)
