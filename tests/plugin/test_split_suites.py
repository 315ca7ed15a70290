"""Suites that another plugin or a conftest cuts: seeds stay together, or the test is red."""

from __future__ import annotations

from importlib.metadata import entry_points

import pytest
from training_suite import TRAINING, Suite

TESTS = tuple(f"test_{name}.py::test_training" for name in "abcde")

SPLITTERS = {
    "pytest-split": ("--splits=2", "--group={}"),
    "pytest-shard": ("--num-shards=2", "--shard-id={}"),
    "test-groups": ("--test-group-count=2", "--test-group={}"),
}
"""The arguments that run one of two parts."""


@pytest.fixture
def five(suite: Suite) -> Suite:
    """Five recorded trainings and a plain test."""
    for test in TESTS:
        suite.write(TRAINING, test.partition("::")[0])
    suite.write("def test_plain(): pass", "test_plain.py")
    suite.record("--mlregress-baseline-seeds=6")
    return suite


def arguments(suite: Suite, splitter: str, part: int) -> list[str]:
    """Let the suite use a plugin, and give the arguments of one part, numbered as it does."""
    if splitter not in {plugin.name for plugin in entry_points(group="pytest11")}:
        pytest.skip(f"{splitter} is not installed")
    suite.configure(splitter)
    number = part if splitter != "pytest-shard" else part - 1
    return [argument.format(number) for argument in SPLITTERS[splitter]]


@pytest.mark.parametrize("splitter", SPLITTERS)
def test_a_splitter_never_separates_the_seeds_of_a_test(five: Suite, splitter: str) -> None:
    seen: list[str] = []
    for part in (1, 2):
        result = five.run(*arguments(five, splitter, part), "--mlregress-stop=never")
        assert result.ret == 0
        assert set(five.verdicts.values()) <= {"identical"}
        seen += five.verdicts
        result.stdout.no_fnmatch_line("note: unused baseline *")
    assert sorted(seen) == sorted(TESTS)


def test_a_split_suite_runs_first_seeds_first_and_counts_what_runs(five: Suite) -> None:
    result = five.run(*arguments(five, "pytest-split", 1), "-v", "--mlregress-stop=never")
    n = len(five.verdicts)
    assert 1 <= n <= 4
    lines = [line for line in result.outlines if "[seed" in line]
    assert ["[seed0]" in line for line in lines[:n]] == [True] * n
    (count,) = [line for line in result.outlines if line.startswith("collected 26 items")]
    plain = sum("::test_plain " in line for line in result.outlines)
    assert (
        count == f"collected 26 items / {26 - 5 * n - plain} deselected / {5 * n + plain} selected"
    )


def test_a_split_suite_with_workers(five: Suite) -> None:
    result = five.run(*arguments(five, "pytest-split", 1), "-n2", "--mlregress-stop=never")
    assert set(five.verdicts.values()) == {"identical"}
    assert result.ret == 0


def test_what_the_user_deselects_in_a_split_suite_is_no_failure(five: Suite) -> None:
    for part in (1, 2):
        result = five.run(*arguments(five, "pytest-shard", part), "-k", "seed1")
        assert set(five.verdicts.values()) <= {"incomplete"}
        assert result.ret in (0, pytest.ExitCode.NO_TESTS_COLLECTED)


CUT = """
    import pytest

    @pytest.hookimpl({order})
    def pytest_collection_modifyitems(config, items):
        cut = [item for item in items if "seed2" in item.nodeid]
        items[:] = [item for item in items if item not in cut]
        {then}
"""


@pytest.mark.parametrize("then", ["pass", "config.hook.pytest_deselected(items=cut)"])
@pytest.mark.parametrize("order", ["", "tryfirst=True", "trylast=True"])
def test_a_seed_that_a_conftest_removes_leaves_a_red_test(
    recorded: Suite, order: str, then: str
) -> None:
    recorded.write(CUT.format(order=order, then=then), "conftest.py")
    result = recorded.run()
    assert result.ret == 1
    test = recorded.tests["test_training.py::test_training"]
    assert (test["verdict"], test["colour"]) == ("incomplete", "red")
    reason = "4 of 5 seeds were left by a plugin or a conftest.py; a verdict needs all of them"
    assert test["reasons"] == [reason]
    result.stdout.fnmatch_lines([f"  incomplete, hence no verdict: {reason}"])


def test_a_seed_that_a_conftest_removes_in_a_worker_leaves_a_red_test(recorded: Suite) -> None:
    recorded.write(CUT.format(order="", then="pass"), "conftest.py")
    assert recorded.run("-n2").ret == 1
    assert recorded.verdicts == {"test_training.py::test_training": "incomplete"}
