"""Updates that are refused: the old baseline stays, and the reason is told."""

from __future__ import annotations

import json

import pytest
from baseline_files import FILE, TEST, document, files_of, git
from training_suite import TRAINING, Suite

EXPLODES = (
    TRAINING + "        assert mlregress.seed != int(os.environ.get('BAD', -1)), 'exploded'\n"
)
CRASHES = TRAINING + "        if mlregress.seed == int(os.environ.get('BAD', -1)): os._exit(1)\n"


def test_a_dirty_tree_is_refused_before_anything_runs(recorded: Suite, workers: str) -> None:
    before = files_of(recorded)
    for name in ("one.py", "two.py", "three.py", "zoo.py"):
        (recorded.path / name).touch()
    result = recorded.run(workers, "--mlregress-update")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        [
            "ERROR: --mlregress-update: the working tree has uncommitted changes (one.py, "
            "three.py, two.py, ...), so no commit identifies the code of these baselines; "
            "commit them first, or pass --mlregress-allow-dirty"
        ]
    )
    result.stdout.no_fnmatch_line("*seeds*")
    assert files_of(recorded) == before


def test_reports_of_earlier_runs_and_of_this_one_are_no_dirt(recorded: Suite, workers: str) -> None:
    reports = ("report.html", "out/report.md", "run.metrics.txt")
    options = [f"--mlregress-report={name}" for name in reports]
    recorded.run(workers, *options, "--junitxml=junit.xml", "--mlregress-history=past.sqlite")
    assert {*reports, "past.sqlite"} <= {
        line.removeprefix("?? ")
        for line in git(
            recorded.path, "status", "--porcelain", "--untracked-files=all"
        ).splitlines()
    }
    (recorded.path / "junit.xml").unlink()  # pytest's own: only of this run

    kept = ("--mlregress-history=past.sqlite", "--mlregress-report=now.json")
    result = recorded.run(workers, "--mlregress-update", "--junitxml=junit.xml", *kept)

    assert result.ret == pytest.ExitCode.OK
    report = json.loads((recorded.path / "now.json").read_text())
    assert not report["code"]["dirty"]
    assert not document(recorded)["provenance"]["dirty"]


def test_a_committed_report_that_changed_is_dirt(recorded: Suite) -> None:
    (recorded.path / "report.md").write_text("old")
    git(recorded.path, "add", "report.md")
    git(recorded.path, "commit", "--quiet", "-m", "report")
    recorded.run("--mlregress-report=report.md")
    result = recorded.run("--mlregress-update", "--mlregress-report=report.md")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*uncommitted changes (report.md)*"])


@pytest.mark.parametrize("option", ["--mlregress-update", "--mlregress-update-new-only"])
def test_a_changed_file_is_dirt_too(recorded: Suite, option: str) -> None:
    with (recorded.path / "test_training.py").open("a") as file:
        file.write("# changed\n")
    result = recorded.run(option)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*uncommitted changes (test_training.py)*"])


def test_a_tree_that_git_will_not_look_at_is_refused_with_its_remedy(
    recorded: Suite, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = files_of(recorded)
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")

    result = recorded.run("--mlregress-update")

    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        [
            "ERROR: --mlregress-update: git cannot tell which code these baselines belong to: "
            f"fatal: detected dubious ownership in repository at '{recorded.path}' To add an "
            "exception for this directory, call: git config --global --add safe.directory "
            f"{recorded.path}; fix that first, or pass --mlregress-allow-dirty"
        ]
    )
    assert files_of(recorded) == before
    assert recorded.run("--mlregress-update", "--mlregress-allow-dirty").ret == 0
    provenance = document(recorded)["provenance"]
    assert (provenance["commit"], provenance["dirty"]) == (None, True)


def test_a_check_that_git_will_not_look_at_goes_on_with_a_note(
    recorded: Suite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")

    result = recorded.run()

    assert result.ret == 0
    result.stdout.fnmatch_lines(["note: git cannot tell which code this is: fatal: detected*"])


def test_a_check_does_not_mind_dirt(recorded: Suite) -> None:
    (recorded.path / "one.py").touch()
    assert recorded.run().ret == 0


def test_an_uncommitted_baseline_is_no_dirt(suite: Suite) -> None:
    suite.write(TRAINING)
    assert suite.run("--mlregress-update").ret == 0
    assert suite.run("--mlregress-update").ret == 0
    assert document(suite)["provenance"]["dirty"] is False


def test_dirt_may_be_allowed_and_is_noted(suite: Suite) -> None:
    suite.write(TRAINING)
    (suite.path / "one.py").touch()
    assert suite.run("--mlregress-update", "--mlregress-allow-dirty").ret == 0
    provenance = document(suite)["provenance"]
    assert provenance["dirty"] is True
    assert provenance["diff_hash"]
    assert provenance["commit"] == git(suite.path, "rev-parse", "HEAD")


def test_a_raising_seed_refuses_the_update(recorded: Suite, workers: str) -> None:
    recorded.write(EXPLODES)
    before = files_of(recorded)
    result = recorded.run(workers, "--mlregress-update", BAD="7")
    assert result.ret == 1
    assert recorded.verdicts == {TEST: "diverged"}
    assert files_of(recorded) == before


def test_a_crashing_seed_refuses_the_update(recorded: Suite) -> None:
    recorded.write(CRASHES)
    before = files_of(recorded)
    result = recorded.run("-n2", "--mlregress-update", BAD="7")
    assert result.ret == 1
    assert recorded.verdicts == {TEST: "incomplete"}
    assert files_of(recorded) == before


def test_only_the_tests_that_went_wrong_are_refused(recorded: Suite) -> None:
    recorded.write(EXPLODES.replace("LOSS", "OTHER_LOSS"), "test_other.py")
    before = files_of(recorded)[FILE]
    result = recorded.run("--mlregress-update", BAD="7")
    assert result.ret == 1
    assert recorded.verdicts == {TEST: "recorded", "test_other.py::test_training": "diverged"}
    assert files_of(recorded).keys() == {FILE}
    assert files_of(recorded)[FILE] != before


def test_stopping_at_the_first_failure_leaves_the_rest_as_it_was(recorded: Suite) -> None:
    recorded.write(EXPLODES.replace("LOSS", "OTHER_LOSS"), "test_other.py")
    before = files_of(recorded)
    result = recorded.run("-x", "--mlregress-update", BAD="7")
    assert result.ret == 1
    assert files_of(recorded) == before


@pytest.mark.parametrize("selection", ["-kseed1", "--deselect=" + TEST + "[seed2]"])
def test_a_part_of_the_seeds_is_no_baseline(recorded: Suite, selection: str) -> None:
    before = files_of(recorded)
    result = recorded.run("--mlregress-update", selection)
    assert result.ret == 1
    assert recorded.verdicts == {TEST: "refused"}
    assert files_of(recorded) == before


def test_a_loss_is_no_baseline(recorded: Suite, workers: str) -> None:
    before = files_of(recorded)
    result = recorded.run(workers, "--mlregress-update", LOSS="0.05")
    assert result.ret == 1
    assert recorded.verdicts == {TEST: "refused"}
    content = document(recorded)
    assert content["anchor"]["accuracy"].pop("refused") == 1
    assert content == {**json.loads(before[FILE]), "revision": content["revision"]}
    reasons = recorded.tests[TEST]["reasons"]
    assert reasons[2].startswith("accuracy: refused try 1 against this anchor, as the file of the")
    assert reasons[-1] == "the values of the baseline stay as they were"
    result.stdout.fnmatch_lines(
        [
            "baseline not updated: accuracy is worse than the baseline that it would replace *",
            "sure    clearly worse: p = 5e-06, limit 0.05; 85 % interval, 20 vs 20 seeds",
            "why     accuracy may have drifted by more than 1sd (*",
            "next    find the cause of the loss; where there may be none, more seeds can tell:",
            f"        pytest '{TEST}' --mlregress-update --mlregress-baseline-seeds=40",
            f"        to accept it: pytest '{TEST}' --mlregress-update "
            "--mlregress-rebase-anchor='why'",
        ]
    )


def test_steps_too_small_to_be_seen_end_where_they_drift_too_far(recorded: Suite) -> None:
    accepted = 0
    for step in range(1, 8):
        loss = f"{0.002 * step:g}"
        result = recorded.run("--mlregress-update", LOSS=loss)
        if result.ret:
            break
        accepted += 1
        recorded.commit()
    assert 1 <= accepted < 5  # an SD is 0.01: 0.01 below the anchor must not be reached
    assert recorded.verdicts == {TEST: "refused"}
    result.stdout.fnmatch_lines(["*accuracy may have drifted by more than 1sd (*"])
    total = sum(entry["effects"]["accuracy"] for entry in document(recorded)["ledger"])
    assert total == pytest.approx(-0.002 * accepted)


def test_a_reason_accepts_the_loss_and_moves_the_anchor(recorded: Suite) -> None:
    reason = "--mlregress-rebase-anchor=a smaller model for the phone"
    assert recorded.run("--mlregress-update", reason, LOSS="0.05").ret == 0
    content = document(recorded)
    assert content["ledger"][-1]["reason"] == "a smaller model for the phone"
    assert content["anchor"]["accuracy"]["values"] == content["metrics"]["accuracy"]["values"]
    recorded.commit()
    recorded.run(LOSS="0.05")
    assert recorded.verdicts == {TEST: "identical"}


def test_a_reason_does_not_accept_a_raising_seed(recorded: Suite) -> None:
    recorded.write(EXPLODES)
    before = files_of(recorded)
    result = recorded.run("--mlregress-update", "--mlregress-rebase-anchor=because", BAD="3")
    assert result.ret == 1
    assert files_of(recorded) == before


def test_a_reason_needs_an_update(recorded: Suite) -> None:
    result = recorded.run("--mlregress-rebase-anchor=because")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["ERROR: --mlregress-rebase-anchor needs --mlregress-update"])


def test_refused_tries_are_counted_until_a_reason_moves_the_anchor(recorded: Suite) -> None:
    for tries in (1, 2):
        assert recorded.run("--mlregress-update", LOSS="0.05").ret == 1
        assert document(recorded)["anchor"]["accuracy"]["refused"] == tries
    assert recorded.run().ret == 0  # the file is no edited one
    recorded.commit()
    recorded.record("--mlregress-rebase-anchor=accepted", LOSS="0.05")
    assert "refused" not in document(recorded)["anchor"]["accuracy"]
