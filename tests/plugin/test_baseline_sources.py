"""`--mlregress-baseline`: a folder, a git ref, a URL."""

from __future__ import annotations

import pytest
from baseline_files import FILE, TEST, files_of, git
from training_suite import TRAINING, Suite

STORED = FILE.removeprefix("__baselines__/")


def test_a_folder_is_written_and_read(suite: Suite, workers: str) -> None:
    suite.write(TRAINING)
    suite.write(TRAINING, "deep/test_deep.py")
    here = "--mlregress-baseline=kept/here"
    suite.record(here)
    assert files_of(suite) == {}
    kept = suite.path / "kept/here"
    assert sorted(path.relative_to(kept).as_posix() for path in kept.rglob("*.json")) == [
        "deep/test_deep/test_training.default.json",
        STORED,
    ]
    assert suite.run(workers, here).ret == 0
    assert set(suite.verdicts.values()) == {"identical"}
    suite.run()
    assert set(suite.verdicts.values()) == {"no-baseline"}


def test_the_ini_file_may_name_it(suite: Suite) -> None:
    suite.configure(ini="mlregress_baseline = kept")
    suite.write(TRAINING)
    suite.record()
    assert (suite.path / "kept" / STORED).exists()
    assert suite.run().ret == 0


def test_a_git_ref_is_read_as_it_was(recorded: Suite, workers: str) -> None:
    git(recorded.path, "tag", "v1")
    recorded.record(LOSS="-0.05")
    assert recorded.run(workers, "--mlregress-baseline=git:v1").ret == 0
    assert recorded.verdicts == {TEST: "identical"}
    recorded.run(workers)
    assert recorded.verdicts == {TEST: "regression"}


def test_a_git_ref_without_the_test_has_no_baseline_of_it(recorded: Suite) -> None:
    assert recorded.run("--mlregress-baseline=git:HEAD~1").ret == 1
    assert recorded.verdicts == {TEST: "no-baseline"}


def test_a_git_ref_that_does_not_exist_is_named(recorded: Suite, workers: str) -> None:
    result = recorded.run(workers, "--mlregress-baseline=git:nowhere")
    assert result.ret == 1
    assert recorded.verdicts == {TEST: "incomparable"}
    (reason,) = recorded.tests[TEST]["reasons"]
    assert reason.startswith(f"git:nowhere: {recorded.path} has no such commit: ")


@pytest.mark.parametrize("option", ["--mlregress-update", "--mlregress-update-new-only"])
def test_a_git_ref_cannot_be_updated(recorded: Suite, option: str) -> None:
    result = recorded.run(option, "--mlregress-baseline=git:HEAD")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        [
            "ERROR: --mlregress-baseline=git:HEAD is read only; record baselines in a folder or at "
            "an fsspec URL"
        ]
    )


def test_a_url_is_written_and_read(suite: Suite) -> None:
    pytest.importorskip("fsspec")
    suite.write(TRAINING)
    there = f"--mlregress-baseline=memory://{suite.path.name}"
    assert suite.run("--mlregress-update", there).ret == 0
    assert files_of(suite) == {}
    assert suite.run(there).ret == 0
    assert suite.verdicts == {TEST: "identical"}


def test_a_url_of_files_is_written_by_the_controller_of_workers(suite: Suite) -> None:
    suite.write(TRAINING)
    there = f"--mlregress-baseline={(suite.path / 'kept').as_uri()}"
    suite.record("-n2", there)
    assert (suite.path / "kept" / STORED).exists()
    assert suite.run("-n2", there).ret == 0
    assert suite.verdicts == {TEST: "identical"}


@pytest.mark.parametrize("mode", ["stop=early", "update", "update-new-only", "prune"])
def test_a_url_of_no_known_kind_is_told(suite: Suite, mode: str) -> None:
    suite.write(TRAINING)
    result = suite.run("--mlregress-baseline=gopher://a/b", f"--mlregress-{mode}")
    assert result.ret == 1
    (reason,) = suite.tests[TEST]["reasons"]
    assert reason.startswith("gopher://: ")
    result.stdout.no_fnmatch_line("*INTERNALERROR*")


def test_the_header_names_the_place(recorded: Suite) -> None:
    result = recorded.run("--mlregress-baseline=git:HEAD")
    result.stdout.fnmatch_lines(["mlregress: check, *, baselines git:HEAD"])
