"""``mlregress tiers``, as a user types it."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pytest_mlregress.baselines.artifact import MetricBaseline, Provenance
from pytest_mlregress.baselines.folder_store import FolderStore
from pytest_mlregress.baselines.history import first_artifact
from pytest_mlregress.baselines.paths import BaselineKey, artifact_path
from pytest_mlregress.cli import main

pytestmark = pytest.mark.usefixtures("lean_pytest")

TEST = """\
import time

import pytest
from toy import quality


@pytest.mark.seeds(2)
@pytest.mark.tiers(fast={"seconds": 0.01}, full={"seconds": 0.2})
def test_toy(mlregress):
    time.sleep(mlregress.params["seconds"])
    accuracy = quality(mlregress.tier) + mlregress.seed / 1000
    mlregress.record("accuracy", accuracy, higher_is_better=True, margin=0.05)


@pytest.mark.seeds(2)
def test_untiered(mlregress):
    mlregress.record("accuracy", 0.5, higher_is_better=True)
"""


def tiers(folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["tiers", *arguments, "--rootdir", str(folder)])


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
    clean = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return subprocess.run(
        ["git", "-C", str(folder), *identity, *arguments],
        check=True,
        capture_output=True,
        text=True,
        env={**clean, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"},
    ).stdout.strip()


def commit(folder: Path, fast: float, full: float) -> str:
    source = f'def quality(tier):\n    return {{"fast": {fast}, "full": {full}}}[tier]\n'
    (folder / "toy.py").write_text(source)
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", f"Reach {full}")
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A repository whose first commit is still to come."""
    git(tmp_path, "init", "--quiet", "--initial-branch=main")
    (tmp_path / "test_toy.py").write_text(TEST)
    (tmp_path / ".gitignore").write_text(".pytest_cache/\n__pycache__/\n")
    (tmp_path / "pytest.ini").write_text(
        "[pytest]\npythonpath = .\naddopts = -p no:randomly -p no:asyncio\n"
    )
    return tmp_path


def record(folder: Path, tier: str, mean: float, at: str) -> None:
    values = {seed: mean + seed / 1000 for seed in range(4)}
    artifact = first_artifact(
        "test_toy.py::test_toy",
        tier,
        {"accuracy": MetricBaseline(higher_is_better=True, values=values, margin=0.05)},
        Provenance(plugin="0.1.0", time="2026-01-02T03:04:05Z", commit=at, seeds=tuple(values)),
    )
    key = BaselineKey(Path(), artifact_path(artifact.test, tier))
    FolderStore(folder, beside_tests=True).write(key, artifact)


def test_from_the_history_of_the_baselines(folder: Path) -> None:
    qualities = [(0.4, 0.5), (0.5, 0.6), (0.6, 0.7), (0.65, 0.75), (0.66, 0.6), (0.7, 0.8)]
    for number, (fast, full) in enumerate(qualities):
        code = commit(folder, fast, full)
        record(folder, "fast", fast, code)
        git(folder, "add", "--all")
        git(folder, "commit", "--quiet", "--message", "Record the fast tier")
        record(folder, "full", full, git(folder, "rev-parse", "HEAD"))
        if number < len(qualities) - 1:  # the newest are in the working tree alone
            git(folder, "add", "--all")
            git(folder, "commit", "--quiet", "--message", "Record the full tier")
    found = tiers(folder, "test_toy.py::test_toy")
    assert found.exit_code == 1, found.output
    lines = found.stdout.splitlines()
    assert lines[0] == "test_toy.py::test_toy: accuracy, fast against full"
    assert [line.split()[1:] for line in lines[2:8]] == [
        [f"{fast + 0.0015:.4f}", f"{full + 0.0015:.4f}", "baselines"] for fast, full in qualities
    ]
    text = " ".join(" ".join(lines[8:]).split())
    assert text.startswith("ranking Spearman 0.75 [-0.29, 0.98] over 6 commits: no better than")
    assert " missed 1 of 1: " in text
    assert "lost 0.15 in full (margin 0.05), in fast it changed by +0.01" in text


@pytest.mark.slow
def test_a_calibration_trains_both_tiers_and_is_kept(folder: Path) -> None:
    qualities = [(0.4, 0.5), (0.45, 0.6), (0.6, 0.7), (0.65, 0.75), (0.7, 0.8)]
    for fast, full in qualities:
        commit(folder, fast, full)
    arguments = ("--json", "--seeds", "1", "-n", "2")
    calibrated = tiers(folder, "test_toy", *arguments, "--calibrate", "HEAD~4", "HEAD~4..HEAD")
    assert calibrated.exit_code == 0, calibrated.output
    (found,) = json.loads(calibrated.stdout)
    assert (found["agreement"]["rho"], found["agreement"]["n"], found["good"]) == (1.0, 5, True)
    assert found["full_seconds"] > found["fast_seconds"] > 0.01
    assert git(folder, "status", "--porcelain") == ""

    (again,) = json.loads(tiers(folder, "--json").stdout)  # every test that has tiers
    assert again["states"] == found["states"]
    assert {state["source"] for state in again["states"]} == {"calibration"}

    for file in folder.glob(".pytest_cache/d/mlregress-runs/tiers/*.json"):
        file.unlink()
    (cached,) = json.loads(tiers(folder, *arguments).stdout)
    assert [state["source"] for state in cached["states"]] == ["cache"] * 5
    assert cached["share_of_time"] == pytest.approx(found["share_of_time"])
    assert cached["changes"] == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["test_toy.py::test_untiered"],
            "test_toy.py::test_untiered has one tier (default), and nothing to compare it with; "
            "declare two: @pytest.mark.tiers(fast={'epochs': 1}, full={'epochs': 20})",
        ),
        (
            ["test_toy.py::test_toy", "--fast", "tiny"],
            "--fast tiny: test_toy.py::test_toy has the tiers fast, full",
        ),
        pytest.param(
            ["test_toy.py::test_toy", "--calibrate", "nowhere"],
            "--calibrate nowhere: no such commit here; list some with: git log --oneline",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            ["test_toy.py::test_toi"],
            "there is no regression test test_toy.py::test_toi; there are: test_toy.py::test_toy",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_bad_input_is_one_line(folder: Path, arguments: list[str], message: str) -> None:
    commit(folder, 0.4, 0.5)
    found = tiers(folder, *arguments)
    assert found.exit_code == 2, found.output
    (line,) = [line for line in found.stderr.splitlines() if line.startswith("Error: ")]
    assert line.startswith(f"Error: {message}")
