"""``xfail`` speaks about the verdict, not about the seeds."""

from __future__ import annotations

import pytest
from training_suite import TRAINING, Suite

TEST = "test_training.py::test_training"


def marked(mark: str, body: str = "") -> str:
    """The training under a mark, with a line at its end."""
    source = TRAINING.replace("    @pytest.mark.seeds", f"    {mark}\n    @pytest.mark.seeds")
    return source + (f"        {body}\n" if body else "")


def test_a_red_verdict_is_expected(recorded: Suite, workers: str) -> None:
    recorded.write(marked("@pytest.mark.xfail(reason='known')"))
    result = recorded.run(workers, "-rx", "--mlregress-stop=never", LOSS="0.05")
    assert recorded.verdicts == {TEST: "regression"}
    result.stdout.fnmatch_lines([f"XFAIL {TEST} - known*", "=* 1 xfailed, 5 seeds in *"])
    assert result.ret == 0


def test_a_green_verdict_is_an_unexpected_pass(recorded: Suite, workers: str) -> None:
    recorded.write(marked("@pytest.mark.xfail(reason='known')"))
    result = recorded.run(workers, "-rX", "--mlregress-stop=never")
    result.stdout.fnmatch_lines([f"XPASS {TEST} - known", "=* 1 xpassed, 5 seeds in *"])
    assert result.ret == 0


def test_a_green_verdict_fails_where_the_mark_is_strict(recorded: Suite, workers: str) -> None:
    recorded.write(marked("@pytest.mark.xfail(reason='known', strict=True)"))
    result = recorded.run(workers, "--mlregress-stop=never")
    result.stdout.fnmatch_lines(
        ["[[]XPASS(strict)[]] known", f"FAILED {TEST} - [[]XPASS(strict)[]] known",
         "=* 1 failed, 5 seeds in *"]
    )  # fmt: skip
    assert result.ret == 1


def test_a_red_verdict_is_expected_where_the_mark_is_strict(recorded: Suite) -> None:
    recorded.write(marked("@pytest.mark.xfail(reason='known', strict=True)"))
    result = recorded.run(LOSS="0.05")
    assert " 1 xfailed, " in result.stdout.lines[-1]
    assert result.ret == 0


def test_strictness_from_the_ini_file_counts(recorded: Suite) -> None:
    recorded.write(marked("@pytest.mark.xfail"))
    recorded.configure(ini="xfail_strict = true")
    assert recorded.run().ret == 1


@pytest.mark.parametrize("failing", ["assert seed != 3", "assert False"])
def test_a_seed_that_raises_is_expected_too(recorded: Suite, workers: str, failing: str) -> None:
    recorded.write(
        marked("@pytest.mark.xfail(reason='known')", failing.replace("seed", "mlregress.seed"))
    )
    result = recorded.run(workers, "-rx", "--mlregress-stop=never", LOSS="0.0001")
    assert recorded.verdicts == {TEST: "diverged"}
    result.stdout.fnmatch_lines([f"XFAIL {TEST} - known*", "=* 1 xfailed, 5 seeds in *"])
    assert result.ret == 0


def test_an_exception_of_the_expected_kind_is_an_expected_failure(recorded: Suite) -> None:
    mark = "@pytest.mark.xfail(raises=ZeroDivisionError, reason='known')"
    recorded.write(marked(mark, "1 / (mlregress.seed - 3)"))
    result = recorded.run("--mlregress-stop=never", LOSS="0.0001")
    result.stdout.fnmatch_lines(["=* 1 xfailed, 5 seeds in *"])
    assert result.ret == 0


def test_an_exception_of_another_kind_is_a_failure(recorded: Suite) -> None:
    mark = "@pytest.mark.xfail(raises=ValueError, reason='known')"
    recorded.write(marked(mark, "1 / (mlregress.seed - 3)"))
    result = recorded.run("--mlregress-stop=never", LOSS="0.0001")
    result.stdout.fnmatch_lines([f"FAILED {TEST}[[]seed3] - ZeroDivisionError*"])
    assert result.ret == 1


def test_a_regression_is_no_exception_of_the_expected_kind(recorded: Suite) -> None:
    recorded.write(marked("@pytest.mark.xfail(raises=ValueError, reason='known')"))
    result = recorded.run(LOSS="0.05")
    result.stdout.fnmatch_lines([f"FAILED {TEST} - accuracy regressed: *"])
    assert result.ret == 1


def test_a_test_that_must_not_run_does_not(recorded: Suite, workers: str) -> None:
    recorded.write(marked("@pytest.mark.xfail(run=False, reason='hangs')", "import os; os.abort()"))
    result = recorded.run(workers, "-rx")
    result.stdout.fnmatch_lines([f"XFAIL {TEST} - *hangs*"])
    assert " 1 xfailed" in result.stdout.lines[-1]
    assert result.ret == 0


@pytest.mark.parametrize("condition", [True, False])
def test_a_condition_decides_whether_failure_is_expected(recorded: Suite, condition: bool) -> None:
    recorded.write(marked(f"@pytest.mark.xfail({condition}, reason='known')"))
    assert recorded.run(LOSS="0.05").ret == (0 if condition else 1)


def test_runxfail_ignores_the_mark(recorded: Suite) -> None:
    recorded.write(marked("@pytest.mark.xfail(strict=True, reason='known')"))
    assert recorded.run("--runxfail", LOSS="0.05").ret == 1
    assert recorded.run("--runxfail").ret == 0


def test_an_imperative_xfail_is_an_expected_failure_of_the_test(
    recorded: Suite, workers: str
) -> None:
    recorded.write(TRAINING + "        if mlregress.seed == 3: pytest.xfail('not yet')\n")
    result = recorded.run(workers, "-rx", "--mlregress-stop=never", LOSS="0.0001")
    assert recorded.verdicts == {TEST: "diverged"}
    result.stdout.fnmatch_lines([f"XFAIL {TEST} - *not yet*", "=* 1 xfailed, 5 seeds in *"])
    assert result.ret == 0


def test_a_mark_added_while_the_test_runs_counts(recorded: Suite) -> None:
    recorded.write(
        TRAINING.replace("(mlregress)", "(mlregress, request)")
        + "        request.node.add_marker(pytest.mark.xfail(reason='known'))\n"
    )
    result = recorded.run("-rx", LOSS="0.05")
    result.stdout.fnmatch_lines([f"XFAIL {TEST} - known*"])
    assert result.ret == 0


def test_an_update_of_a_test_that_is_expected_to_fail_keeps_no_failed_seed(
    suite: Suite,
) -> None:
    suite.write(marked("@pytest.mark.xfail(reason='known')", "assert mlregress.seed != 3"))
    result = suite.run("--mlregress-update")
    assert suite.verdicts[TEST] != "recorded"
    assert not (suite.path / "__baselines__").exists()
    assert result.ret == 0


@pytest.mark.parametrize("strict", [False, True])
def test_an_update_that_records_is_no_unexpected_pass(
    suite: Suite, workers: str, strict: bool
) -> None:
    suite.write(marked(f"@pytest.mark.xfail(reason='known', strict={strict})"))
    result = suite.run(workers, "--mlregress-update")
    result.stdout.fnmatch_lines(["=* 1 passed, 20 seeds in *"])
    assert suite.verdicts == {TEST: "recorded"}
    assert result.ret == 0


def test_an_update_that_is_refused_is_no_expected_failure(recorded: Suite, workers: str) -> None:
    recorded.write(marked("@pytest.mark.xfail(reason='known')"))
    result = recorded.run(workers, "--mlregress-update", LOSS="0.05")
    assert recorded.verdicts == {TEST: "refused"}
    assert result.ret == 1
