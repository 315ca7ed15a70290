"""One sentence on two environments, for all tests."""

from dataclasses import replace

import pytest
from verdict_cases import (
    SAME,
    identical,
    improvement,
    incomplete,
    inconclusive,
    judged,
    minor,
    passed,
    regression,
    skipped,
    verdict,
)

from pytest_mlregress.reporting.suite_line import suite_line
from pytest_mlregress.verdicts.largest_loss import largest_loss
from pytest_mlregress.verdicts.verdict import Verdict, VerdictKind


def named(test: Verdict, name: str) -> Verdict:
    return replace(test, test=f"tests/test_x.py::{name}")


def one(name: str, shift: float, *, margin: float = 0.01, higher_is_better: bool = True) -> Verdict:
    """A test whose metric changed by about so much."""
    values = {seed: value + shift for seed, value in SAME.items()}
    metric = judged("accuracy", values, margin=margin, higher_is_better=higher_is_better)
    return named(verdict(VerdictKind.PASS, metric), name)


def test_environments_that_agree_name_the_largest_loss() -> None:
    tests = [one("test_a", 0.0), one("test_b", -0.002), named(identical(), "test_c")]

    assert suite_line(tests) == (
        "the environments agree: 3 of 3 tests, largest loss 0.0024 [-0.0004, 0.0052] "
        "(accuracy of test_b)"
    )


def test_the_largest_loss_is_that_nearest_to_its_margin() -> None:
    tests = [
        one("test_wide", -0.004, margin=1.0),
        one("test_narrow", -0.002, margin=0.005),
        one("test_lower_is_better", -0.02, margin=0.005, higher_is_better=False),
    ]

    found = largest_loss(tests)

    assert found is not None
    assert found.test.endswith("test_narrow")
    assert found.change < 0


def test_a_gain_is_no_loss_and_no_agreement() -> None:
    assert suite_line([one("test_a", 0.004), improvement()]) == ("no test loses; 1 of 2 improved")
    assert suite_line([improvement(), named(incomplete(), "test_b")]) == (
        "no test loses, and the environments agree in 0 of 2 tests; 1 improved; not shown for 1: "
        "test_b (incomplete)"
    )


def test_bit_identical_suites_say_so() -> None:
    assert suite_line([identical(), identical(), skipped()]) == (
        "the environments agree: 2 of 2 tests, all of them bit-identical"
    )


def test_tests_that_lose_are_named_with_their_verdict() -> None:
    tests = [
        named(regression(), "test_a"),
        named(minor(), "test_b"),
        named(passed(), "test_c"),
        named(inconclusive(), "test_d"),
    ]

    assert suite_line(tests) == (
        "2 of 4 tests lose: test_a (regression), test_b (minor); not shown for 1: test_d "
        "(inconclusive)"
    )
    assert suite_line(tests[:1]) == "1 of 1 test loses: test_a (regression)"


def test_of_many_only_a_few_are_named() -> None:
    tests = [named(regression(), f"test_{k}") for k in range(5)]

    assert suite_line(tests) == (
        "5 of 5 tests lose: test_0 (regression), test_1 (regression), test_2 (regression), "
        "and 2 more"
    )


def test_what_shows_nothing_is_no_agreement() -> None:
    tests = [named(passed(), "test_a"), named(incomplete(), "test_b")]

    assert suite_line(tests) == (
        "no test loses, and the environments agree in 1 of 2 tests; not shown for 1: test_b "
        "(incomplete)"
    )


@pytest.mark.parametrize("tests", [[], [skipped()]])
def test_nothing_was_compared(tests: list[Verdict]) -> None:
    assert suite_line(tests) == "the environments were not compared: no test has a verdict"
