"""Updates and reports that cannot be written: a red verdict or a failed run, and nothing lost."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from training_suite import TRAINING, Suite


def test_an_update_from_a_dirty_tree_is_refused_before_it_trains(
    suite: Suite, workers: str
) -> None:
    suite.write(TRAINING)
    (suite.path / "model.py").write_text("lr = 0.1\n")
    result = suite.run(workers, "--mlregress-update")
    assert (
        "ERROR: --mlregress-update: the working tree has uncommitted changes (model.py), so no "
        "commit identifies the code of these baselines; commit them first, or pass "
        "--mlregress-allow-dirty"
    ) in [*result.errlines, *result.outlines]
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert not (suite.path / "__baselines__").exists()
    assert suite.run(workers, "--mlregress-update", "--mlregress-allow-dirty").ret == 0
    assert (suite.path / "__baselines__").exists()


@pytest.mark.parametrize("source", ["", "file", "file/deep"])
@pytest.mark.parametrize("mode", ["update", "update-new-only"])
def test_a_baseline_folder_that_cannot_be_written_is_refused_before_anything_trains(
    suite: Suite, workers: str, source: str, mode: str
) -> None:
    suite.write(TRAINING.replace("accuracy =", "open('trained', 'w').close(); accuracy ="))
    name = "file" if source else "__baselines__"
    (suite.path / name).write_text("in the way")
    suite.commit()
    option = [f"--mlregress-baseline={source}"] if source else []
    result = suite.run(workers, f"--mlregress-{mode}", *option)
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    prefix = "--mlregress-baseline: " if source else ""
    assert (
        f"ERROR: {prefix}{suite.path / (source or name)}: cannot write baselines here: Not a "
        "directory. Move away the file that stands where a folder is needed"
    ) in result.errlines
    assert not (suite.path / "trained").exists()
    assert (suite.path / name).read_text() == "in the way"


def test_an_update_that_can_write_leaves_nothing_but_baselines(suite: Suite) -> None:
    suite.write(TRAINING)
    suite.run("--mlregress-update", "--mlregress-baseline=deep/kept")
    assert [
        path.relative_to(suite.path).as_posix()
        for path in suite.path.rglob("*")
        if "deep" in path.parts and path.is_file()
    ] == ["deep/kept/test_training/test_training.default.json"]
    assert not list(suite.path.glob("*.mlregress-tmp")) + list(suite.path.glob(".*.mlregress-tmp"))


def test_a_full_disk_is_a_red_verdict_and_keeps_the_old_baseline(
    recorded: Suite, monkeypatch: pytest.MonkeyPatch
) -> None:
    (baseline,) = recorded.path.glob("__baselines__/*/*.json")
    before = baseline.read_bytes()

    def full(descriptor: int) -> None:
        if "__baselines__" in str(Path(f"/proc/self/fd/{descriptor}").readlink()):
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    result = recorded.run("--mlregress-update", LOSS="-0.001")
    assert recorded.verdicts == {"test_training.py::test_training": "refused"}
    assert result.ret == 1
    assert (
        "No space left on device" in recorded.tests["test_training.py::test_training"]["reasons"][0]
    )
    assert baseline.read_bytes() == before
    assert sorted(path.name for path in baseline.parent.iterdir()) == [baseline.name]


def test_a_report_that_cannot_be_written_is_refused_before_anything_trains(
    suite: Suite, workers: str
) -> None:
    suite.write(TRAINING.replace("accuracy =", "open('trained', 'w').close(); accuracy ="))
    (suite.path / "taken").write_text("")
    result = suite.run(workers, "--mlregress-report=taken/report.json")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert (
        "ERROR: cannot write the report taken/report.json: Not a directory; make taken a writable "
        "folder with free space, or give --mlregress-report another path"
    ) in result.errlines
    assert not (suite.path / "trained").exists()


def test_a_report_that_can_no_longer_be_written_fails_the_run(suite: Suite) -> None:
    suite.write(TRAINING.replace("accuracy =", "open('taken', 'w').close(); accuracy ="))
    suite.record()
    (suite.path / "taken").unlink()
    result = suite.run("--mlregress-report=taken/report.json")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert (
        "ERROR: cannot write the report taken/report.json: File exists; make taken a writable "
        "folder with free space, or give --mlregress-report another path"
    ) in result.errlines
