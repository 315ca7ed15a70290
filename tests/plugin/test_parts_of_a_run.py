"""Runs of a part of the seeds, and runs that end early: never a pass, never a lost verdict."""

from __future__ import annotations

import pytest
from training_suite import TRAINING, Suite

TEST = "test_training.py::test_training"
EXPLODES = (
    TRAINING + "        assert mlregress.seed != int(os.environ.get('BAD', -1)), 'exploded'\n"
)


@pytest.fixture
def two(recorded: Suite) -> Suite:
    """Two recorded trainings, ``test_other.py`` and ``test_training.py``."""
    recorded.write(TRAINING.replace("LOSS", "OTHER_LOSS"), "test_other.py")
    recorded.record("test_other.py")
    return recorded


@pytest.mark.parametrize(
    "selection", [["-k", "seed1"], [f"{TEST}[seed1]"], ["--deselect", f"{TEST}[seed2]"]], ids=str
)
def test_a_part_of_the_seeds_is_incomplete_and_no_failure(
    recorded: Suite, workers: str, selection: list[str]
) -> None:
    result = recorded.run(workers, *selection, LOSS="0.05")
    assert recorded.verdicts == {TEST: "incomplete"}
    n = 4 if "--deselect" in selection else 1
    reason = f"{n} of 5 seeds were selected; a verdict needs all of them"
    result.stdout.fnmatch_lines(
        [
            f"*MLRegressWarning: incomplete, hence no verdict: {reason}",
            f"  run all of its seeds: pytest '{TEST}'",
        ]
    )
    summary = result.stdout.lines[-1]
    assert "passed" not in summary
    assert f"{n} seeds, 1 incomplete" in summary
    assert result.ret == 0


def test_a_part_of_the_seeds_that_raises_still_fails(recorded: Suite, workers: str) -> None:
    recorded.write(EXPLODES)
    result = recorded.run(workers, "-k", "seed1", BAD="1")
    assert recorded.verdicts == {TEST: "diverged"}
    result.stdout.fnmatch_lines([f"FAILED {TEST}[[]seed1] - AssertionError: exploded*"])
    assert result.ret == 1


def test_the_whole_test_may_be_named_without_its_seeds(recorded: Suite, workers: str) -> None:
    assert recorded.run(workers, TEST).ret == 0
    assert recorded.verdicts == {TEST: "identical"}


def test_collecting_only_trains_nothing(recorded: Suite, workers: str) -> None:
    result = recorded.run(workers, "--collect-only", LOSS="0.05")
    result.stdout.fnmatch_lines(["*<Function test_training[[]seed4]>", "=* 5 tests collected in *"])
    result.stdout.no_fnmatch_line("*mlregress =*")
    assert result.ret == 0
    assert recorded.verdicts == {}


def test_stop_at_the_first_failure_counts_the_verdict(two: Suite) -> None:
    result = two.run("-x", "--mlregress-stop=never", LOSS="0.05", OTHER_LOSS="0.05")
    assert result.ret == 1
    assert two.verdicts == {
        "test_other.py::test_training": "regression",
        TEST: "incomplete",
    }
    result.stdout.fnmatch_lines(["!* stopping after 1 failures !*", "=* 1 failed, 9 seeds in *"])


def test_stop_at_the_first_failure_counts_the_verdict_with_workers(two: Suite) -> None:
    result = two.run("-x", "-n2", LOSS="0.05", OTHER_LOSS="0.05")
    assert result.ret != 0
    result.stdout.fnmatch_lines(["!* stopping after 1 failures !*"])
    assert "regression" in two.verdicts.values()
    assert " 1 failed" in result.stdout.lines[-1] or " 2 failed" in result.stdout.lines[-1]


def test_stop_at_the_first_failure_with_a_seed_that_raises(two: Suite, workers: str) -> None:
    two.write(EXPLODES)
    result = two.run("-x", workers, "--maxprocesses=1", "test_training.py", BAD="1", LOSS="0.0001")
    assert result.ret != 0
    assert two.verdicts == {TEST: "diverged"}
    assert " 1 failed" in result.stdout.lines[-1]


def test_maxfail_counts_verdicts(two: Suite) -> None:
    result = two.run("--maxfail=2", "--mlregress-stop=never", LOSS="0.05", OTHER_LOSS="0.05")
    assert set(two.verdicts.values()) == {"regression"}
    result.stdout.fnmatch_lines(["!* stopping after 2 failures !*", "=* 2 failed, 10 seeds in *"])


def test_last_failed_runs_every_seed_of_a_red_verdict_again(two: Suite, workers: str) -> None:
    two.run(workers, LOSS="0.05")
    result = two.run(workers, "--lf", "--mlregress-stop=never", LOSS="0.05")
    assert two.verdicts == {TEST: "regression"}
    result.stdout.fnmatch_lines(["=* 1 failed, 5 seeds in *"])
    assert two.run(workers, "--lf").ret == 0
    assert two.verdicts == {TEST: "identical"}
    two.run("--lf", "--lfnf=none")
    assert two.verdicts == {}


def test_last_failed_runs_every_seed_of_a_test_with_a_raising_seed(
    two: Suite, workers: str
) -> None:
    two.write(EXPLODES)
    two.run(workers, "--mlregress-stop=never", BAD="4", LOSS="0.0001")
    assert two.verdicts[TEST] == "diverged"
    result = two.run("--lf", "--mlregress-stop=never", LOSS="0.0001")
    assert two.verdicts.keys() == {TEST}
    assert two.verdicts[TEST] != "incomplete"
    assert " 5 seeds" in result.stdout.lines[-1]


def test_failed_first_runs_every_seed_of_a_red_verdict_first(two: Suite) -> None:
    two.run(LOSS="0.05")
    result = two.run("--ff", "-v")
    assert set(two.verdicts.values()) == {"identical"}
    seeds = [line for line in result.outlines if "[seed" in line]
    assert [line.split("::")[0] for line in seeds] == ["test_training.py"] * 5 + [
        "test_other.py"
    ] * 5


def test_new_first_keeps_the_verdicts(two: Suite) -> None:
    two.run("--nf")
    assert set(two.verdicts.values()) == {"identical"}


def test_stepwise_stops_at_a_red_verdict_and_resumes_at_its_first_seed(two: Suite) -> None:
    result = two.run("--sw", OTHER_LOSS="0.05")
    assert result.ret != 0
    assert two.verdicts["test_other.py::test_training"] == "regression"
    two.run("--sw", OTHER_LOSS="0.05")
    assert two.verdicts["test_other.py::test_training"] == "regression"
    result = two.run("--sw")
    assert result.ret == 0
    assert two.verdicts == {"test_other.py::test_training": "identical", TEST: "identical"}


@pytest.mark.parametrize("stop", ["early", "never"])
def test_stepwise_with_a_raising_seed_gives_a_verdict_on_all_seeds(
    recorded: Suite, stop: str
) -> None:
    recorded.write(EXPLODES)
    stop = f"--mlregress-stop={stop}"
    recorded.run("--sw", stop, BAD="1", LOSS="0.0001")
    assert recorded.verdicts == {TEST: "diverged"}
    recorded.run("--sw", stop)
    assert recorded.tests[TEST]["selected"] == [0, 1, 2, 3, 4]
    assert recorded.verdicts == {TEST: "identical"}


def test_an_interrupted_run_is_not_green(recorded: Suite, workers: str) -> None:
    recorded.write(
        TRAINING.replace(
            "accuracy = ", "if mlregress.seed == 1: raise KeyboardInterrupt\n        accuracy = "
        )
    )
    result = recorded.run(workers, "--maxprocesses=1", apart=True, LOSS="0.0001")
    assert result.ret == pytest.ExitCode.INTERRUPTED
    assert recorded.verdicts == {TEST: "incomplete"}
    assert "passed" not in result.stdout.lines[-1]
    result.stdout.fnmatch_lines(["incomplete    test_training.py::test_training *"])


def test_an_interrupted_run_names_the_tests_that_did_not_begin(suite: Suite) -> None:
    suite.write(TRAINING.replace("accuracy = ", "raise KeyboardInterrupt\n        accuracy = "))
    suite.write(TRAINING, "test_z.py")
    result = suite.run("--mlregress-missing=warn", apart=True, COLUMNS="80")
    result.stdout.fnmatch_lines(
        [
            "note: the run ended before 2 of 2 tests had a verdict; 1 did not begin:",
            "      test_z.py::test_training; to run what is left:",
            "      pytest test_training.py::test_training test_z.py::test_training \\",
            "        --mlregress-missing=warn --mlregress-report=report.json",
        ],
        consecutive=True,
    )


def test_pytest_exit_in_a_seed_is_not_green(recorded: Suite) -> None:
    recorded.write(
        TRAINING.replace(
            "accuracy = ", "if mlregress.seed == 1: pytest.exit('enough')\n        accuracy = "
        )
    )
    result = recorded.run("--maxprocesses=1", apart=True, LOSS="0.0001")
    assert result.ret == pytest.ExitCode.INTERRUPTED
    assert recorded.verdicts == {TEST: "incomplete"}


def test_an_update_that_is_cut_short_writes_nothing(suite: Suite) -> None:
    suite.write(EXPLODES.replace("test_training", "test_a"), "test_a.py")
    suite.write(TRAINING)
    result = suite.run("-x", "--mlregress-update", BAD="3")
    assert result.ret == 1
    assert not (suite.path / "__baselines__").exists()


def test_an_update_of_a_part_of_the_seeds_is_refused(suite: Suite, workers: str) -> None:
    suite.write(TRAINING)
    result = suite.run(workers, "--mlregress-update", "-k", "seed1")
    assert suite.verdicts == {TEST: "refused"}
    result.stdout.fnmatch_lines(
        ["baseline not updated: 11 of 20 seeds were selected; a baseline needs all of them"]
    )
    assert result.ret == 1
    assert not (suite.path / "__baselines__").exists()
