"""`--mlregress-confirm`: a red is tested on fresh seeds of both commits before it is reported."""

from __future__ import annotations

import pytest
from baseline_files import TEST, doctor, git
from click.testing import CliRunner
from training_suite import Suite

from pytest_mlregress.cli import main

ALL_AS_REPORTED = (0, "1 test with 4 p-values judged again from 3 seeds: all as reported")

CODE = """
    import random


    def accuracy():
        return random.gauss({mean}, 0.01)
"""
CHECK = """
    import pytest
    from training import accuracy


    @pytest.mark.seeds(3)
    def test_training(mlregress):
        mlregress.record("accuracy", accuracy(), higher_is_better=True)
"""


@pytest.fixture
def project(suite: Suite) -> Suite:
    """A project of a module and its test, with the baseline of its first commit."""
    suite.configure(ini="pythonpath = .")
    suite.write(CODE.format(mean=0.9), "training.py")
    suite.write(CHECK)
    suite.record("--mlregress-baseline-seeds=10")
    return suite


def lucky(suite: Suite) -> None:
    """Make every value of the baseline better than the code's, as luck would."""

    def lift(content):  # type: ignore[no-untyped-def]
        values = content["metrics"]["accuracy"]["values"]
        values.update({seed: value + 0.1 for seed, value in values.items()})

    doctor(suite, lift)


@pytest.mark.parametrize("workers", ["-n0", pytest.param("-n2", marks=pytest.mark.slow)])
def test_a_real_loss_is_confirmed_on_fresh_seeds(project: Suite, workers: str) -> None:
    project.write(CODE.format(mean=0.8), "training.py")
    result = project.run(workers, "--mlregress-confirm")
    assert result.ret == 1
    assert project.verdicts == {TEST: "regression"}
    (metric,) = project.tests[TEST]["metrics"]
    assert verified(project) == ALL_AS_REPORTED
    assert metric["notes"][-1].startswith("confirmed on fresh seeds 10 to 19 of both sides: 0.")
    result.stdout.fnmatch_lines([
        "sure    confirmed on fresh seeds 10 to 19, p = *; *worse*: p = *",
        "1 test: 1 regression; 2[23] seeds run, [01] saved; *",
        f"FAILED {TEST} - accuracy regressed: *",
    ])  # fmt: skip


def test_an_unlucky_baseline_is_found_out(project: Suite) -> None:
    lucky(project)
    assert project.run().ret == 1
    assert project.verdicts == {TEST: "regression"}
    result = project.run("--mlregress-confirm")
    assert result.ret == 0
    assert project.verdicts == {TEST: "inconclusive"}
    test = project.tests[TEST]
    assert test["reasons"][-1] == (
        "a loss was shown, and not confirmed on fresh seeds 10 to 19 of both sides"
    )
    assert test["next_steps"] == [
        f"record the baseline again if this recurs: pytest '{TEST}' --mlregress-update"
    ]
    assert verified(project) == ALL_AS_REPORTED
    assert git(project.path, "worktree", "list", "--porcelain").count("worktree ") == 1


def verified(suite: Suite) -> tuple[int, str]:
    """What `mlregress verify` says of the report."""
    done = CliRunner().invoke(main, ["verify", str(suite.path / "report.json")])
    return done.exit_code, done.stdout.splitlines()[0]


def test_a_baseline_of_an_unknown_commit_stays_red(project: Suite) -> None:
    lucky(project)
    doctor(project, lambda content: content["provenance"].update(commit="0" * 40))
    result = project.run("--mlregress-confirm")
    assert result.ret == 1
    result.stdout.fnmatch_lines(["sure    not tested on fresh seeds: commit 0000000000 *"])
    assert project.verdicts == {TEST: "regression"}
    assert project.tests[TEST]["notes"][-1] == (
        "not tested on fresh seeds, and so still red: commit 0000000000 is not in this "
        "repository; in a shallow clone, fetch it first: git fetch --unshallow"
    )


def test_nothing_is_confirmed_where_nothing_is_red(project: Suite) -> None:
    result = project.run("--mlregress-confirm")
    assert result.ret == 0
    assert project.verdicts == {TEST: "identical"}
    result.stdout.no_fnmatch_line("*fresh*")
