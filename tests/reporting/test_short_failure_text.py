"""A failure in at most eight lines: what, how sure, since when, and commands that work."""

from __future__ import annotations

import dataclasses
import re

import pytest
import verdict_cases as cases
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from pytest_mlregress.reporting.failure_text import failure_text
from pytest_mlregress.reporting.headline import headline
from pytest_mlregress.reporting.report import RunReport
from pytest_mlregress.reporting.short_failure_text import MOST_LINES, short_failure_text
from pytest_mlregress.reporting.summary import summary_table
from pytest_mlregress.running.result import SeedResult
from pytest_mlregress.verdicts.since import Since
from pytest_mlregress.verdicts.verdict import Colour, Verdict, VerdictKind

TEST = "tests/test_digits.py::test_digits"
AGO = Since("4041c47aa0bb", "2026-03-12", 2, ("data.py", "train.py"), "2026-03-12")
STEPS = (
    "what changed: git diff --stat 4041c47aa0",
    f"first difference: mlregress explain '{TEST}'",
    f"to accept it, commit, then: pytest '{TEST}' --mlregress-update "
    "--mlregress-rebase-anchor='why'",
)


def printing(verdict: Verdict, captured: str, *, seed: int = 2) -> Verdict:
    """The verdict with what one seed has printed."""
    return dataclasses.replace(
        verdict,
        seeds=tuple(
            dataclasses.replace(result, captured=captured) if result.seed == seed else result
            for result in verdict.seeds
        ),
    )


@pytest.mark.parametrize(
    ("width", "declared", "lines"),
    [
        (
            60,
            0.01,
            [
                "accuracy regressed: 0.9318 -> 0.8874",
                "(-0.0444 [-0.0481, -0.0407]), margin 0.01, p = 0.00033",
            ],
        ),
        (
            80,
            "1.0734%",
            [
                "accuracy regressed: 0.9318 -> 0.8874 (-0.0444 [-0.0481, -0.0407]),",
                "margin 1.0734% = 0.01, p = 0.00033, 5 vs 10 seeds",
            ],
        ),
    ],
)
def test_a_narrow_terminal_costs_neither_the_interval_nor_the_margin(width, declared, lines):
    verdict = cases.regression()
    metrics = tuple(dataclasses.replace(metric, declared=declared) for metric in verdict.metrics)
    text = short_failure_text(dataclasses.replace(verdict, metrics=metrics), width=width)
    first, second, third, *_ = text.splitlines()
    assert [first, second] == lines
    assert third.startswith("sure ")


def test_a_regression_says_what_how_sure_since_when_and_what_next():
    verdict = printing(
        cases.regression(next_steps=STEPS, since=AGO, environment=()),
        "Captured stdout call\nepoch 1: loss 0.5\n\nepoch 2: loss 0.4\n",
    )
    assert short_failure_text(verdict).splitlines() == [
        "accuracy regressed: 0.9318 -> 0.8874 (-0.0444 [-0.0481, -0.0407]), margin 0.01",
        "sure    clearly worse: p = 0.00033, limit 0.01; 98 % interval, 5 vs 10 seeds",
        "since   4041c47 (2 commits, 12 Mar 2026; 2 files uncommitted)",
        "seed 2  | epoch 2: loss 0.4",
        "next    what changed: git diff --stat 4041c47aa0",
        "        first difference: mlregress explain 'tests/test_digits.py::test_digits'",
        "        to accept it, commit, then: pytest 'tests/test_digits.py::test_digits' \\",
        "          --mlregress-update --mlregress-rebase-anchor='why'",
    ]


def test_output_takes_the_lines_that_are_left():
    captured = "".join(f"epoch {epoch}\n" for epoch in range(40))
    lines = short_failure_text(printing(cases.regression(next_steps=(), environment=()), captured))
    assert lines.splitlines()[2:] == [
        "seed 2  | epoch 34",
        *(f"        | epoch {epoch}" for epoch in range(35, 40)),
    ]
    full = failure_text(printing(cases.regression(), captured)).splitlines()
    start = full.index("output of seed 2:")
    assert full[start + 1 : start + 31] == [f"  epoch {epoch}" for epoch in range(10, 40)]
    assert full[start + 31] == ""


def test_output_is_shown_as_a_terminal_would():
    captured = "10 %\r100 %\n\x1b[31mred\x1b[0m alert\n\x1b]0;title\x07" + "x" * 100 + "\x08"
    lines = short_failure_text(printing(cases.regression(next_steps=(), environment=()), captured))
    assert lines.splitlines()[2:] == [
        "seed 2  | 100 %",
        "        | red alert",
        "        | " + "x" * 67 + "...",
    ]


def test_the_traceback_of_a_failed_seed_goes_before_its_output():
    seed = SeedResult(
        3, "lost", message="worker died", traceback="a.py:7: boom", captured="epoch 1"
    )
    metric = cases.unjudged(VerdictKind.INCOMPLETE, candidate={0: 0.93})
    verdict = cases.verdict(
        VerdictKind.INCOMPLETE,
        metric,
        seeds=cases.seed_results([metric], range(4), seed3=seed),
        reasons=("seed 3: worker died",),
    )
    assert short_failure_text(verdict).splitlines() == [
        "incomplete, hence no verdict: seed 3: worker died",
        "mean    accuracy 0.93",
        "seed 3  | a.py:7: boom",
    ]


def test_several_metrics_share_the_lines():
    names = ("accuracy", "f1", "auc", "recall")
    metrics = [cases.judged(name) for name in names]
    verdict = cases.verdict(VerdictKind.REGRESSION, *metrics, next_steps=STEPS, since=AGO)
    assert short_failure_text(verdict).splitlines() == [
        "accuracy regressed: 0.9318 -> 0.8874 (-0.0444 [-0.0481, -0.0407]), margin 0.01",
        "sure    clearly worse: p = 0.00033, limit 0.01; 98 % interval, 5 vs 10 seeds",
        "also    f1 regressed: 0.9318 -> 0.8874 (-0.0444 [-0.0481, -0.0407]), margin 0.01",
        "        regression: auc, recall",
        "since   4041c47 (2 commits, 12 Mar 2026; 2 files uncommitted)",
        "next    what changed: git diff --stat 4041c47aa0",
        "        first difference: mlregress explain 'tests/test_digits.py::test_digits'",
    ]


@pytest.mark.parametrize(
    ("case", "lines"),
    [
        (
            cases.diverged,
            ["2 of 4 seeds diverged: seed 1: accuracy = nan; seed 3: RuntimeError: boom"],
        ),
        (
            cases.incomparable,
            [
                "accuracy is incomparable: its version is 2 here and 1 in the baseline",
                "mean    accuracy 0.9318 -> 0.9314",
            ],
        ),
        (
            cases.no_baseline,
            [
                "no baseline: tests/__baselines__/test_digits/test_digits.default.json does not",
                "exist",
                "mean    accuracy 0.9314",
                "next    record it: pytest tests/test_digits.py::test_digits --mlregress-update",
            ],
        ),
        (
            cases.refused,
            [
                "baseline not updated: the working tree has uncommitted changes",
                "(--mlregress-allow-dirty records anyway)",
                "mean    accuracy 0.9314",
            ],
        ),
    ],
)
def test_other_verdicts_name_the_metric_and_the_reason(case, lines):
    assert short_failure_text(case()).splitlines() == lines


def test_a_reason_that_repeats_the_verdict_is_said_once():
    verdict = cases.no_baseline(reasons=("no baseline is recorded for tier 'default'",))
    assert headline(verdict) == "no baseline is recorded for tier 'default'"


def test_a_loss_of_an_earlier_look_is_said_to_be_one():
    metric = cases.judged(candidate={0: 0.93, 1: 0.915, 2: 0.94, 3: 0.92, 4: 0.935})
    metric = dataclasses.replace(metric, kind=VerdictKind.REGRESSION, level=0.004, reasons=())
    text = short_failure_text(cases.verdict(VerdictKind.REGRESSION, metric))
    assert "sure    a loss was shown at an earlier look: p = 0.22, limit 0.004" in text


def test_what_another_test_has_shown_has_its_reason_and_no_p_above_its_limit():
    reason = "2 of 5 seeds collapsed, none of the baseline's: Fisher's exact p = 0.004"
    noisy = {0: 0.93, 1: 0.915, 2: 0.94, 3: 0.92, 4: 0.935}
    metric = cases.judged(candidate=noisy, kind=VerdictKind.REGRESSION, reasons=(reason,))
    text = short_failure_text(cases.verdict(VerdictKind.REGRESSION, metric))
    assert " ".join(text.split()) == f"accuracy regressed: {reason}"


LONG = "tests/vision/classification/test_digits.py::TestTraining::test_it[adam-0.001-cosine-warm]"


@pytest.mark.parametrize("width", [80, 200])
def test_a_long_node_id_is_never_broken(width):
    step = f"to accept it: pytest '{LONG}' --mlregress-update"
    text = short_failure_text(cases.regression(next_steps=(step,), since=AGO), width=width)
    assert f"'{LONG}'" in text
    assert len(text.splitlines()) <= MOST_LINES
    joined = re.sub(r" \\\n *", " ", text)
    assert f"pytest '{LONG}' --mlregress-update" in joined


def test_the_first_command_is_whole_on_a_narrow_terminal():
    step = f"to accept it: pytest '{LONG}' --mlregress-update"
    text = short_failure_text(cases.regression(next_steps=(step,), since=AGO), width=40)
    assert f"'{LONG}'" in text
    assert len(text.splitlines()) <= MOST_LINES


def test_what_differs_goes_before_output_and_is_cut_to_a_line():
    moved = tuple(f"package{n} 1.{n} -> 2.{n}" for n in range(20))
    verdict = printing(cases.regression(next_steps=STEPS, since=AGO, environment=moved), "epoch 2")
    assert short_failure_text(verdict).splitlines() == [
        "accuracy regressed: 0.9318 -> 0.8874 (-0.0444 [-0.0481, -0.0407]), margin 0.01",
        "sure    clearly worse: p = 0.00033, limit 0.01; 98 % interval, 5 vs 10 seeds",
        "since   4041c47 (2 commits, 12 Mar 2026; 2 files uncommitted)",
        "differs package0 1.0 -> 2.0; package1 1.1 -> 2.1; package2 1.2 -> 2.2; ...",
        "seed 2  | epoch 2",
        "next    what changed: git diff --stat 4041c47aa0",
        "        first difference: mlregress explain 'tests/test_digits.py::test_digits'",
    ]


def test_a_commit_that_a_shallow_clone_lacks_is_said():
    ago = Since("4041c47aa0bb", recorded="2026-03-12")
    text = short_failure_text(cases.regression(since=ago, next_steps=()))
    assert "since   4041c47 (a commit that is not here)" in text.splitlines()


values = st.integers(-30, 30).map(lambda step: 0.9 + step / 400)
samples = st.lists(values, min_size=3, max_size=6)


@st.composite
def compared(draw: st.DrawFn) -> Verdict:
    """A test of up to three metrics, each with the verdict that its comparison gives."""
    metrics = [
        cases.judged(
            name,
            dict(enumerate(draw(samples))),
            baseline=dict(enumerate(draw(st.lists(values, min_size=6, max_size=12)))),
            higher_is_better=draw(st.booleans()),
            margin=draw(st.sampled_from([0.005, 0.02, "1%", "1sd", "auto"])),
            alpha=draw(st.sampled_from([0.05, 0.01, 0.002])),
        )
        for name in ("accuracy", "f1", "val/loss")[: draw(st.integers(1, 3))]
    ]
    worst = cases.verdict(VerdictKind.PASS, *metrics)
    kind = max((metric.kind for metric in metrics), key=list(VerdictKind).index)
    fields = {
        "colour": Colour.RED,
        "since": draw(st.none() | st.just(AGO)),
        "next_steps": draw(st.sampled_from([(), STEPS[:1], STEPS])),
        "environment": draw(st.sampled_from([(), ("torch 2.12.0 -> 2.13.0",)])),
    }
    return dataclasses.replace(worst, kind=kind, **fields)


DIFFERENCE = re.compile(r"(?<![\w.])[+-]?\d[\d.e+-]* \[[^\]]*\]")


@settings(max_examples=80, deadline=None)
@given(compared(), st.sampled_from([40, 80, 200]))
def test_no_number_of_a_screen_contradicts_another(verdict: Verdict, width: int) -> None:
    text = short_failure_text(verdict, width=width)
    table = summary_table(RunReport((verdict,)), width=width)
    named = verdict.metrics[[m.kind for m in verdict.metrics].index(verdict.kind)].name
    assert named in text
    assert len(text.splitlines()) <= MOST_LINES
    for line in text.splitlines():
        assert cell_len(line) <= width or len(line.removesuffix(" \\").split()) == 1
    joined = " ".join(f"{text} {table} {failure_text(verdict, width=width)}".split())
    for metric in verdict.metrics:
        shown = headline(dataclasses.replace(verdict, kind=metric.kind, metrics=(metric,)))
        for difference in DIFFERENCE.findall(shown):
            assert difference in joined or metric.name not in text
    known = {
        difference
        for metric in verdict.metrics
        for difference in DIFFERENCE.findall(
            headline(dataclasses.replace(verdict, kind=metric.kind, metrics=(metric,)))
        )
    }
    screen = " ".join(f"{text} {table}".split())
    assert set(DIFFERENCE.findall(screen)) <= known


CONTENT = {
    "since": AGO,
    "differs": ("torch 2.12.0 -> 2.13.0", "a GPU of another kind, which is a long text to fold"),
    "output": "epoch 1\nepoch 2\nepoch 3",
    "why": ("one reason, that takes a line", "another reason " * 12, "and another"),
}
"""What the optional parts of a failure say here."""

BY_PRIORITY = ("sure", "since", "differs", "mean", "also", "seed", "why")
ON_SCREEN = ("sure", "mean", "also", "why", "since", "differs", "seed", "next")
LONG_STEP = f"to accept it, commit, then: pytest '{LONG}' --mlregress-update"


@st.composite
def failing(draw: st.DrawFn) -> Verdict:
    """A red verdict with any of the optional parts."""
    case = draw(st.sampled_from([cases.regression, cases.diverged, cases.no_baseline]))
    verdict = case(
        since=draw(st.none() | st.just(CONTENT["since"])),
        environment=draw(st.sampled_from([(), CONTENT["differs"]])),
        reasons=CONTENT["why"][: draw(st.integers(0, 3))],
        next_steps=draw(st.sampled_from([STEPS[:1], STEPS, (LONG_STEP,), (LONG_STEP, *STEPS)])),
    )
    return printing(verdict, draw(st.sampled_from(["", CONTENT["output"]])))


def names(text: str) -> list[str]:
    """What names the lines below the headline, each once, in their order."""
    found = (re.match(r"(sure|mean|also|why|since|differs|seed|next) ", line) for line in text)
    return [match[1] for match in found if match]


@settings(max_examples=120)
@given(failing(), st.sampled_from([40, 80, 120]), st.sampled_from([5, 7, MOST_LINES]))
def test_parts_are_left_out_in_one_order(verdict: Verdict, width: int, most: int) -> None:
    lines = short_failure_text(verdict, width=width, most=most).splitlines()
    whole = short_failure_text(verdict, width=width, most=100).splitlines()
    assert len(lines) <= most
    assert lines[0].split()[0] == whole[0].split()[0]
    command = verdict.next_steps[0].partition(": ")[2]
    assert command in " ".join(" ".join(lines).replace(" \\", "").split())
    assert names(lines) == [name for name in ON_SCREEN if name in names(lines)]
    optional = [name for name in BY_PRIORITY if name in names(whole)]
    kept = set(names(lines)) - {"next"}
    assert kept == set(optional[: len(kept)])
