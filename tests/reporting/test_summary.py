"""The summary is read at 80 columns, in a CI log, for one test or for two hundred."""

import re
import subprocess
import sys
from decimal import Decimal

import pytest
import verdict_cases as cases
from rich.cells import cell_len

from pytest_mlregress.reporting.failure_text import failure_text
from pytest_mlregress.reporting.metric_text import difference_with_interval, means
from pytest_mlregress.reporting.summary import FOLD_ABOVE, summary_table
from pytest_mlregress.running.result import SeedResult
from pytest_mlregress.verdicts.since import Since
from pytest_mlregress.verdicts.verdict import Colour, VerdictKind

ONE_OF_EACH = """\
  metric    baseline -> now   difference [98 %]           p        margin
diverged      tests/test_digits.py::test_diverged                      4/5 seeds
  2 of 4 seeds diverged: seed 1: accuracy = nan; seed 3: RuntimeError: boom
  accuracy  0.9318 -> nan                                          0.01
regression    tests/test_digits.py::test_regression                    5/5 seeds
  accuracy  0.9318 -> 0.8874  -0.0444 [-0.0481, -0.0407]  0.00033  0.01
  pass: loss
incomplete    tests/test_digits.py::test_incomplete                    2/5 seeds
  incomplete, hence no verdict: 2 of 5 seeds were selected
refused       tests/test_digits.py::test_refused                       5/5 seeds
  baseline not updated: the working tree has uncommitted changes
  (--mlregress-allow-dirty records anyway)
incomparable  tests/test_digits.py::test_incomparable                  5/5 seeds
  accuracy is incomparable: its version is 2 here and 1 in the baseline
no-baseline   tests/test_digits.py::test_no_baseline                   5/5 seeds
  accuracy  0.9314
unaffordable  tests/test_digits.py::test_unaffordable                  1/5 seeds
  unaffordable: metric 'accuracy' with margin 0.001: 5 seeds against 10 detect a
  loss of the margin (0.37 SD) with power 0.08; allowed is 0.8 and more. ...
  more seeds: pytest tests/test_digits.py::test_digits --mlregress-seeds=24
inconclusive  tests/test_digits.py::test_inconclusive                  5/5 seeds
  accuracy  0.9318 -> 0.9280  -0.0038 [-0.0190, +0.0064]  0.22     0.005
  more seeds: pytest --mlregress-seeds=12
minor         tests/test_digits.py::test_minor                         5/5 seeds
  accuracy  0.9318 -> 0.9256  -0.0062 [-0.0093, -0.0033]  0.00033  0.02
improvement   tests/test_digits.py::test_improvement                   5/5 seeds
  accuracy  0.9318 -> 0.9504  +0.0186 [+0.0160, +0.0212]  1        0.01
recorded      tests/test_digits.py::test_recorded                        5 seeds
  accuracy  0.9314
pass          tests/test_digits.py::test_passed                        5/5 seeds
  accuracy  0.9318 -> 0.9314  -0.0004 [-0.0038, +0.0030]  0.38     0.01
identical     tests/test_digits.py::test_identical                     2/5 seeds
skipped       tests/test_digits.py::test_skipped                       0/5 seeds
  no GPU here

14 tests: 1 diverged, 1 regression, 1 incomplete, 1 refused, 1 incomparable, 1
  no-baseline, 1 unaffordable, 1 inconclusive, 1 minor, 1 improvement, 1
  recorded, 1 pass, 1 identical, 1 skipped; 54 seeds run (1 failed), 8 saved; 1
  min 20 s of training in 41 s; alpha 0.05 over 5 comparisons
note: unused baseline: tests/__baselines__/old.default.json
note: environment differs from 1 baseline: threads 4 -> 1
note: environment differs from 1 baseline: torch 2.12.0 -> 2.13.0
-v shows every value, test and step of a failure"""


def test_one_of_each_verdict_at_80_columns():
    report = cases.a_run(notes=("unused baseline: tests/__baselines__/old.default.json",))
    assert summary_table(report) == ONE_OF_EACH


def two_hundred():
    reds = [cases.regression(test="tests/test_z.py::test_red")]
    yellows = [cases.inconclusive(test="tests/test_a.py::test_yellow")]
    greens = [cases.passed(test=f"tests/test_many.py::test_{i}[adam]") for i in range(198)]
    return cases.a_run(*greens, *yellows, *reds)


def test_the_greens_of_two_hundred_tests_are_one_line():
    lines = summary_table(two_hundred()).splitlines()
    assert lines[1].startswith("regression    tests/test_z.py::test_red")
    assert lines[4].startswith("inconclusive  tests/test_a.py::test_yellow")
    assert lines[7] == "198 pass (-v lists each with its margin)"
    assert lines[9] == (
        "200 tests: 1 regression, 1 inconclusive, 198 pass; 1000 seeds run, 0 saved; 25"
    )
    assert len(lines) == 14


def test_quiet_has_a_line_for_each_that_is_not_green_and_the_totals():
    report = cases.a_run(
        cases.passed(),
        cases.regression(test="tests/test_long_name.py::TestTraining::test_of_digits[adam]"),
        cases.inconclusive(test="t.py::test_i"),
        cases.diverged(test="t.py::test_d"),
        cases.unaffordable(test="t.py::test_u"),
        cases.no_baseline(test="t.py::test_n", reasons=("no baseline is recorded for tier 'x'",)),
        notes=("unused baseline: old.json",),
    )
    assert summary_table(report, verbosity=-1).splitlines() == [
        "diverged      t.py::test_d  2 of 4 seeds: seed 1: accuracy = nan",
        "regression    tests/test_long_name.py::TestTraining::test_of_digits[adam]",
        "no-baseline   t.py::test_n",
        "unaffordable  t.py::test_u  metric 'accuracy' with margin 0.001: 5 seeds ...",
        "inconclusive  t.py::test_i  accuracy -0.0038 [-0.0190, +0.0064]",
        "6 tests: 1 diverged, 1 regression, 1 no-baseline, 1 unaffordable, 1",
        "  inconclusive, 1 pass; 25 seeds run (1 failed), 5 saved; 36 s of training in 41",
        "  s; alpha 0.05 over 5 comparisons",
        "note: unused baseline: old.json",
    ]


def test_twice_quiet_has_the_totals_alone():
    report = cases.a_run(cases.passed(), cases.regression(), notes=("unused baseline: old.json",))
    assert summary_table(report, verbosity=-2, width=120).splitlines() == [
        "mlregress: 2 tests: 1 regression, 1 pass; 10 seeds run, 0 saved; 15 s of training in "
        "41 s; alpha 0.05 over 5 "
        "comparisons",
    ]


@pytest.mark.parametrize("kind", ["check", "update"])
def test_many_unaffordable_tests_are_two_lines_each_with_one_command(kind):
    tests = []
    for i in range(13):
        step = f"more seeds: pytest 'tests/test_{i % 2}.py::test[{i}]' --mlregress-seeds=24"
        one = cases.unaffordable(test=f"tests/test_{i % 2}.py::test[{i}]", next_steps=(step,))
        if kind == "update":
            note = f"a check will be unaffordable: {one.reasons[0]}"
            one = cases.recorded(test=one.test, next_steps=one.next_steps, notes=(note,))
        tests.append(one)
    lines = summary_table(cases.a_run(*tests)).splitlines()
    command = "what each of the 13 needs: pytest tests --mlregress-plan"
    assert command in lines
    a_test = 2 if kind == "check" else 3
    assert lines.index(command) == 13 * a_test + (kind == "update")
    assert sum(" ..." in line for line in lines) == 13
    verbose = " ".join(summary_table(cases.a_run(*tests), verbosity=1).split())
    assert verbose.count("They detect 2.3 standard deviations with power 0.9") == 13


def test_verbose_lists_every_green():
    lines = summary_table(two_hundred(), verbosity=1).splitlines()
    assert sum(line.startswith("pass          ") for line in lines) == 198


def test_a_few_greens_are_listed_with_the_margin_they_were_held_to():
    few = [cases.passed(test=f"t.py::test_{i:02}") for i in range(FOLD_ABOVE)]
    lines = summary_table(cases.a_run(*few)).splitlines()
    assert lines[2] == "  accuracy  0.9318 -> 0.9314  -0.0004 [-0.0038, +0.0030]  0.38  0.01"
    assert sum(line.startswith("pass  ") for line in lines) == FOLD_ABOVE


def test_a_loss_counted_as_green_with_a_warning_is_never_folded():
    many = [cases.passed(test=f"t.py::test_{i}") for i in range(FOLD_ABOVE + 1)]
    warned = cases.minor(test="t.py::test_warned", colour=Colour.GREEN)
    lines = summary_table(cases.a_run(*many, warned)).splitlines()
    assert lines[1].startswith("minor         t.py::test_warned")


def test_a_long_test_id_is_whole_on_a_line_of_its_own():
    test = "tests/vision/classification/test_digits.py::TestTraining::test_it[adam-0.001-cosine]"
    lines = summary_table(cases.a_run(cases.passed(test=test))).splitlines()
    assert lines[1:3] == [
        "pass                                                                   5/5 seeds",
        test,
    ]
    assert summary_table(cases.a_run(cases.passed(test=test)), width=88).splitlines()[1:3] == [
        "pass                                                                           5/5 seeds",
        f"  {test}",
    ]


def test_plain_ascii_where_the_encoding_has_no_more():
    test = "tests/tést.py::" + "test_very_long_name" * 5
    report = cases.a_run(cases.passed(test=test), notes=("unused: naïve → gone",))
    text = summary_table(report, encoding="ascii")
    assert text.isascii()
    assert r"note: unused: na\xefve \u2192 gone" in text.splitlines()
    assert text.splitlines()[2] == test.replace("é", r"\xe9")


def test_colour_adds_codes_and_changes_nothing_else(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "20")
    coloured = summary_table(cases.a_run(), colour=True)
    plain = summary_table(cases.a_run())
    assert "\x1b" not in plain
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == plain
    assert "\x1b[1;31mregression    \x1b[0mtests/test_digits.py::test_regression" in coloured
    assert "\x1b[32mpass          \x1b[0mtests/test_digits.py::test_passed" in coloured


@pytest.mark.parametrize("width", [40, 60, 79, 120, 200])
def test_no_line_is_wider_than_asked_but_for_a_single_word(width):
    report = cases.a_run(cases.regression(), cases.passed(test="测试.py::模型" * 20))
    for line in summary_table(report, width=width).splitlines():
        assert cell_len(line) <= width or " " not in line.strip()


def test_a_row_that_does_not_fit_becomes_a_paragraph_with_labels():
    lines = summary_table(cases.a_run(cases.passed()), width=50).splitlines()
    assert (
        lines[1:3]
        == [
            "  accuracy 0.9318 -> 0.9314, -0.0004 [-0.0032,",
            "  +0.0024], p 0.38, margin 0.01",
        ]
        or lines[0:3]
    )


def test_one_row_with_many_digits_does_not_break_the_columns_of_the_others():
    last_bit, before = dict.fromkeys(range(5), 0.1 + 0.2), dict.fromkeys(range(10), 0.3)
    precise = cases.judged("bits", last_bit, baseline=before, kind=VerdictKind.PASS)
    verdict = cases.verdict(VerdictKind.PASS, precise, test="t.py::test_bits")
    lines = summary_table(cases.a_run(verdict, cases.passed())).splitlines()
    assert lines[2].startswith("  bits 0.29999999999999999 -> 0.30000000000000004, +5.6e-17")
    assert "  accuracy  0.9318 -> 0.9314  -0.0004 [-0.0038, +0.0030]  0.38  0.01" in lines


def test_q_values_get_a_column_and_a_line_that_says_what_they_are():
    tests = cases.passed(test="t.py::test_a"), cases.passed(test="t.py::test_b")
    q_values = {(verdict.test, "default", "accuracy"): 0.5 for verdict in tests}
    report = cases.a_run(*tests, q_values=q_values)
    lines = summary_table(report, verbosity=1, width=90).splitlines()
    assert lines[0] == (
        "  metric    baseline -> now   difference [98 %]           p     limit  margin  q"
    )
    assert lines[2] == (
        "  accuracy  0.9318 -> 0.9314  -0.0004 [-0.0038, +0.0030]  0.38  0.01   0.01    0.5"
    )
    narrow = summary_table(report, verbosity=1).splitlines()
    assert narrow[0] == (
        "  metric   baseline -> now  difference [98 %]          p    limit margin q"
    )
    assert "q: " not in summary_table(report)
    assert lines[5:7] == [
        "  q: expected share of false losses among the comparisons with a q as small",
        "",
    ]


def test_the_only_comparison_of_a_run_has_no_q_beside_its_p():
    verdict = cases.passed()
    q_values = {(verdict.test, "default", "accuracy"): 0.38}
    text = summary_table(cases.a_run(verdict, q_values=q_values))
    assert text.splitlines()[0].split()[-1] == "margin"
    assert "q: " not in text


def test_a_metric_with_another_verdict_than_its_test_says_so():
    noisy = {0: 0.93, 1: 0.915, 2: 0.94, 3: 0.92, 4: 0.935}
    metrics = cases.judged(), cases.judged("f1", noisy, margin=0.005)
    report = cases.a_run(cases.verdict(VerdictKind.REGRESSION, *metrics))
    lines = summary_table(report, width=100).splitlines()
    assert [line.split("  ")[1] for line in lines[2:4]] == ["accuracy", "f1 (inconclusive)"]
    assert summary_table(report, width=70).splitlines()[3:5] == [
        "  f1 (inconclusive) 0.9318 -> 0.9280, -0.0038 [-0.0190, +0.0064], p",
        "  0.22, margin 0.005",
    ]


def test_a_tier_is_named_unless_it_is_the_only_one():
    lines = summary_table(cases.a_run(cases.passed(tier="full"))).splitlines()
    assert lines[1].startswith("pass          tests/test_digits.py::test_digits (full) ")


def test_an_improvement_suggests_what_to_do():
    step = "keep it: pytest -m mlregress --mlregress-update"
    lines = summary_table(cases.a_run(cases.improvement(next_steps=(step,)))).splitlines()
    assert lines[3] == f"  {step}"


def test_an_empty_run_has_totals_only():
    report = cases.RunReport(verdicts=())
    assert summary_table(report) == "0 tests; 0 seeds run, 0 saved; 0 s of training in 0 s"


def test_writing_plain_text_imports_nothing_heavy():
    code = (
        "import sys\n"
        "import pytest_mlregress.reporting.write_report\n"
        "heavy = {'rich', 'jinja2', 'numpy', 'scipy', 'torch', 'pytest', '_pytest'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_many_tests_without_a_baseline_are_a_few_lines_with_one_command():
    steps = [
        f"pytest 'tests/test_{i % 2}.py::test[a pytest {i}]' --mlregress-update" for i in range(29)
    ]
    yellow = [
        cases.no_baseline(
            test=f"tests/test_{i % 2}.py::test[{i:02}]", colour=Colour.YELLOW, next_steps=(step,)
        )
        for i, step in enumerate(steps)
    ]
    lines = summary_table(cases.a_run(cases.regression(), *yellow)).splitlines()
    assert lines[1].startswith("regression ")
    assert lines[4:8] == [
        "29 no-baseline: tests/test_0.py::test[00], tests/test_0.py::test[02],",
        "  tests/test_0.py::test[04] and 26 more (-v lists each)",
        "  record them: pytest tests --mlregress-update-new-only",
        "",
    ]
    verbose = summary_table(cases.a_run(*yellow), verbosity=1)
    assert verbose.count("no-baseline   tests/") == 29


def test_a_seed_that_failed_has_its_next_command_in_the_summary():
    step = "pytest tests/test_digits.py::test_digits --lf"
    lines = summary_table(cases.a_run(cases.diverged(next_steps=(step,)))).splitlines()
    assert f"  next    {step}" in lines


def test_the_difference_has_the_decimals_of_the_means():
    """Who subtracts the means gets the difference, but for a rounding of its last digit."""
    lower = {seed: value - 0.0406 for seed, value in cases.BASELINE.items()}
    metric = cases.judged(candidate=dict(list(lower.items())[:5]))
    before, now = means(metric).split(" -> ")
    difference, *interval = re.findall(r"[-+][0-9.]+", difference_with_interval(metric))
    assert abs(Decimal(difference) - (Decimal(now) - Decimal(before))) <= Decimal("0.0001")
    assert {len(text.partition(".")[2]) for text in (before, now, difference, *interval)} == {4}


def test_a_seed_that_raised_says_how_sure_and_since_when_with_one_count():
    failed = SeedResult(0, "failed", message="RuntimeError: boom (test_a.py:7)", duration=1.0)
    stopped = [SeedResult(seed, "cancelled") for seed in range(1, 5)]
    verdict = cases.verdict(
        VerdictKind.DIVERGED,
        seeds=(failed, *stopped),
        decided_after=0,
        reasons=("seed 0 failed: RuntimeError: boom (test_a.py:7)",),
        since=Since("4041c47aa0bb", "2026-03-12", 2, ("data.py",), "2026-03-12"),
        next_steps=("run it again: pytest t.py::test --lf",),
    )
    assert summary_table(cases.a_run(verdict)).splitlines()[:7] == [
        "diverged      tests/test_digits.py::test_digits                        1/5 seeds",
        "  the only seed that ran failed: seed 0: RuntimeError: boom (test_a.py:7)",
        "  sure    red without a test: all seeds of a baseline have passed",
        "  since   4041c47 (2 commits, 12 Mar 2026; 1 file uncommitted)",
        "  next    run it again: pytest t.py::test --lf",
        "",
        "1 test: 1 diverged; 1 seed run (1 failed), 4 saved; 1 s of training in 41 s;",
    ]
    assert "seeds         verdict after 1 of 5 planned" in failure_text(verdict)
