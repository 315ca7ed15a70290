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
        "ERROR: --mlregress-update: the working tree has uncommitted changes (model.py), so "
        "that no "
        "commit would tell which code these baselines belong to; commit them first, or pass "
        "--mlregress-allow-dirty"
    ) in [*result.errlines, *result.outlines]
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    assert not (suite.path / "__baselines__").exists()
    assert suite.run(workers, "--mlregress-update", "--mlregress-allow-dirty").ret == 0
    assert (suite.path / "__baselines__").exists()


def test_a_baseline_folder_that_cannot_be_written_is_a_red_verdict(
    suite: Suite, workers: str
) -> None:
    suite.write(TRAINING)
    (suite.path / "file").write_text("in the way")
    suite.commit()
    result = suite.run(workers, "--mlregress-update", "--mlregress-baseline=file")
    assert suite.verdicts == {"test_training.py::test_training": "refused"}
    assert result.ret == 1
    (reason,) = suite.tests["test_training.py::test_training"]["reasons"]
    assert "file" in reason
    assert (suite.path / "file").read_text() == "in the way"


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


def test_a_report_that_cannot_be_written_fails_the_run(recorded: Suite, tmp_path: Path) -> None:
    (recorded.path / "taken").write_text("")
    result = recorded.run("--mlregress-report=taken/report.json")
    assert result.ret != 0
    assert any("taken" in line and line.startswith("ERROR: ") for line in result.errlines)
