"""A run in one sentence, and how long ago its baselines were."""

import pytest
import verdict_cases as cases
from hypothesis import given
from hypothesis import strategies as st

from pytest_mlregress.reporting.overview import overview
from pytest_mlregress.reporting.report import RunReport
from pytest_mlregress.reporting.since_text import day_text, since_text
from pytest_mlregress.verdicts.since import Since

AGO = Since("4041c47d" * 5, "2026-03-12", 2)


def sentence(*verdicts):
    return overview(RunReport(tuple(verdicts)))


def test_the_worst_red_is_named_with_its_numbers_and_since_when():
    green = [cases.identical(test=f"test_a.py::test_{number}") for number in range(12)]

    assert sentence(*green, cases.regression(since=AGO)) == (
        "1 of 13 tests got worse: accuracy of test_digits -0.0444 [-0.0481, -0.0407], "
        "since 4041c47 (2 commits, 12 Mar 2026)"
    )


def test_reds_of_several_kinds_are_all_counted_before_any_of_them_is_named():
    text = sentence(
        cases.diverged(), cases.regression(), cases.regression(), cases.no_baseline(), cases.minor()
    )

    assert text == (
        "4 of 5 tests failed: 1 diverged, 2 got worse, 1 has no baseline; "
        "worst: test_digits, 2 of 4 seeds: seed 1: accuracy = nan; seed 3: RuntimeError: boom"
    )


def test_a_divergence_is_said_once():
    assert sentence(cases.diverged(), cases.minor()) == (
        "1 of 2 tests diverged: test_digits, 2 of 4 seeds: seed 1: accuracy = nan; "
        "seed 3: RuntimeError: boom"
    )


def test_yellows_of_several_kinds_are_all_counted():
    assert sentence(cases.passed(), cases.minor(), cases.inconclusive()).startswith(
        "2 of 3 tests inconclusive or with a warning: 1 is inconclusive, "
        "1 lost less than its margin; worst: "
    )


def test_without_a_red_the_worst_yellow_is_named():
    assert sentence(cases.passed(), cases.minor()).startswith(
        "1 of 2 tests lost less than its margin: accuracy of test_digits -0.00"
    )


def test_a_green_run_has_its_counts():
    text = sentence(cases.passed(), cases.identical(), cases.identical(), cases.recorded())

    assert text == "4 tests, no regression: 1 was recorded, 1 passed, 2 are identical"


def test_a_run_without_verdicts_says_so():
    assert sentence() == "no regression test was judged"


@pytest.mark.parametrize("case", cases.ONE_OF_EACH)
def test_every_verdict_has_a_sentence_on_one_line(case):
    text = sentence(case(since=AGO))

    assert text.startswith("1 ")
    assert "\n" not in text


@given(st.text(max_size=30))
def test_whatever_a_test_is_called_the_sentence_is_one_line(name):
    text = sentence(cases.regression(test=f"test_a.py::test_x[{name}]"))

    assert len(text.splitlines()) == 1


@pytest.mark.parametrize(
    ("since", "text"),
    [
        (Since("4041c47aa", "2026-03-12", 1), "since 4041c47 (1 commit, 12 Mar 2026)"),
        (
            Since("4041c47aa", "2026-03-12", 0, ("a.py", "b.py")),
            "since 4041c47 (no commit of code, 12 Mar 2026; 2 files uncommitted)",
        ),
        (Since("4041c47aa"), "since 4041c47 (a commit that is not here)"),
        (
            Since("4041c47aa", uncommitted=("a.py",)),
            "since 4041c47 (a commit that is not here; 1 file uncommitted)",
        ),
    ],
)
def test_since_counts_commits_and_uncommitted_files(since, text):
    assert since_text(since) == text


def test_a_day_is_written_in_english_on_every_machine():
    assert day_text("2026-05-01T10:00:00Z") == "1 May 2026"
    assert day_text("yesterday") == "yesterday"
