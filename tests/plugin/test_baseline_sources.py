"""`--mlregress-baseline`: a folder, a git ref, a URL."""

from __future__ import annotations

import sys

import pytest
from baseline_files import FILE, TEST, files_of, git
from training_suite import KEPT_IN_MEMORY, TRAINING, Suite

TELLING = TRAINING.replace("accuracy =", "open('trained', 'w').close(); accuracy =")
"""A training that leaves a file behind: whoever refuses must refuse before it."""
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


@pytest.mark.parametrize("mode", ["stop=early", "plan", "prune"])
def test_a_git_ref_that_does_not_exist_is_refused_before_anything_trains(
    suite: Suite, workers: str, mode: str
) -> None:
    suite.write(TELLING)
    result = suite.run(workers, "--mlregress-baseline=git:nowhere", f"--mlregress-{mode}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert (
        f"ERROR: --mlregress-baseline: git:nowhere: {suite.path} has no such commit: fatal: Needed "
        "a single revision. Name a branch, tag or commit of this repository; a shallow clone may "
        "need `git fetch --unshallow` first"
    ) in result.errlines
    assert not (suite.path / "trained").exists()


@pytest.mark.parametrize("arguments", [(), ("-n2",), ("--collect-only",)])
def test_a_run_without_regression_tests_does_not_care(
    suite: Suite, arguments: tuple[str, ...]
) -> None:
    suite.configure(ini="mlregress_baseline = git:nowhere")
    suite.write("def test_plain(): pass")
    assert suite.run(*arguments).ret == 0


def test_a_collection_alone_does_not_care(suite: Suite) -> None:
    suite.write(TRAINING)
    assert suite.run("--mlregress-baseline=git:nowhere", "--collect-only").ret == 0


def test_a_file_is_no_folder_of_baselines(suite: Suite, workers: str) -> None:
    suite.write(TELLING)
    suite.write("in the way", "file")
    result = suite.run(workers, "--mlregress-baseline=file")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert (
        f"ERROR: --mlregress-baseline: {suite.path / 'file'}: cannot list this folder: Not a "
        "directory. Move away the file that stands where a folder is needed"
    ) in result.errlines
    assert not (suite.path / "trained").exists()


def test_a_missing_folder_holds_no_baselines_yet(suite: Suite) -> None:
    suite.write(TRAINING)
    assert suite.run("--mlregress-baseline=kept").ret == 1
    assert suite.verdicts == {TEST: "no-baseline"}
    assert not (suite.path / "kept").exists()


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
    suite.write(KEPT_IN_MEMORY, "conftest.py")
    there = f"--mlregress-baseline=kept://{suite.path.name}"
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
    pytest.importorskip("fsspec")
    suite.write(TELLING)
    result = suite.run("--mlregress-baseline=s4://a/b", f"--mlregress-{mode}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert (
        "ERROR: --mlregress-baseline: s4://a/b: fsspec knows no protocol 's4'. Did you mean s3://?"
    ) in result.errlines
    assert not (suite.path / "trained").exists()


def test_fsspec_that_is_not_installed_is_told(
    suite: Suite, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "fsspec"] or ["fsspec"]:
        monkeypatch.setitem(sys.modules, name, None)
    suite.write(TELLING)
    result = suite.run("--mlregress-baseline=s3://a/b")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert (
        "ERROR: --mlregress-baseline: s3://a/b: URLs need fsspec. Install it with: pip install "
        "'pytest-mlregress[remote]'"
    ) in result.errlines
    assert not (suite.path / "trained").exists()


def test_the_password_of_a_url_is_shown_and_kept_nowhere(suite: Suite) -> None:
    pytest.importorskip("fsspec")
    suite.write(TRAINING)
    suite.write(KEPT_IN_MEMORY, "conftest.py")
    there = f"--mlregress-baseline=kept://me:secret@{suite.path.name}"
    result = suite.run("--mlregress-update", "--mlregress-allow-dirty", there, apart=True)
    assert result.ret == 0
    result.stdout.fnmatch_lines([f"mlregress: update, *, baselines kept://{suite.path.name}"])
    shown = result.stdout.str() + result.stderr.str() + str(suite.report)
    assert "secret" not in shown


def test_the_header_names_the_place(recorded: Suite) -> None:
    result = recorded.run("--mlregress-baseline=git:HEAD")
    result.stdout.fnmatch_lines(["mlregress: check, *, baselines git:HEAD"])
