"""From "it is red" to the commit, the change and the line, on one history of twelve commits."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hidden_loss import LOSING, HiddenLoss, hidden_loss

from pytest_mlregress.cli import main

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("lean_pytest")]

TEST = "tests/test_fit.py::test_fit"


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> HiddenLoss:
    return hidden_loss(tmp_path_factory.mktemp("history") / "project")


@pytest.fixture
def at_the_loss(history: HiddenLoss) -> HiddenLoss:
    """The repository with the losing commit checked out."""
    history.project.git("checkout", "--quiet", history.losing)
    return history


@pytest.fixture(autouse=True)
def untouched(history: HiddenLoss) -> Iterator[None]:
    """Nothing here changes the working tree; only A/B runs keep a worktree for the next one."""
    yield
    project = history.project
    assert project.git("status", "--porcelain") == ""
    assert project.git("branch", "--format=%(refname:short)").splitlines()[-1] == "main"
    project.git("checkout", "--quiet", "main")


def mlregress(history: HiddenLoss, *arguments: str) -> Result:
    """Run a command; it leaves no worktree, and may use up one that an A/B run has kept."""
    before = worktrees(history)
    result = CliRunner().invoke(main, [*arguments, "--rootdir", str(history.project.top)])
    assert worktrees(history) <= before
    return result


def worktrees(history: HiddenLoss) -> set[str]:
    listing = history.project.git("worktree", "list", "--porcelain")
    return {line for line in listing.splitlines() if line.startswith("worktree ")}


def answer_of(result: Result) -> dict[str, Any]:
    assert result.exception is None or isinstance(result.exception, SystemExit), result.output
    document: dict[str, Any] = json.loads(result.stdout)
    return document


def test_bisect_names_the_commit(history: HiddenLoss) -> None:
    """The second search trains little: its seeds come from the cache."""
    good = history.commits["Train a regression"]
    for workers in ("2", "1"):
        result = mlregress(history, "bisect", good, "main", "--test", TEST, "-n", workers, "--json")
        answer = answer_of(result)
        assert result.exit_code == 1
        assert (answer["finding"], answer["named"]) == ("commit", [history.losing])


def test_ablate_says_what_hides_the_loss(history: HiddenLoss) -> None:
    """The loss, by itself and with the improvements around it."""
    for workers in ("2", "1"):
        result = mlregress(
            history,
            *("ablate", history.commits["Add a tool"], "--test", TEST, "-n", workers),
            *("--change", f"clip={history.losing}"),
            *("--change", f"momentum={history.commits['Use momentum']}"),
        )
        assert result.exit_code == 1, result.output
        assert "clip loses" in result.stdout


@pytest.mark.parametrize("workers", ["1", "2"])
def test_explain_names_the_line(at_the_loss: HiddenLoss, workers: str) -> None:
    before = at_the_loss.commits["Add a tool"]
    result = mlregress(at_the_loss, "explain", TEST, f"--against={before}", "-n", workers)
    assert result.exit_code == 1, result.output
    line = "src/toy/training.py:27 in train: update(model, speeds, clip(slopes, 0.55))"
    assert line in " ".join(result.stdout.split())
    assert f"{at_the_loss.losing[:7]} ({LOSING})" in " ".join(result.stdout.split())


@pytest.mark.parametrize("workers", ["0", "2"])
def test_against_is_red(at_the_loss: HiddenLoss, workers: str) -> None:
    before = at_the_loss.commits["Add a tool"]
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-n", workers, "--mlregress-seeds=13"),
            f"--mlregress-against={before}",
        ],
        cwd=at_the_loss.project.top,
        env={**os.environ, "COLUMNS": "80"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert f"FAILED {TEST} - error regressed:" in " ".join(done.stdout.split())


def test_the_last_commit_is_no_worse_than_the_first(history: HiddenLoss) -> None:
    """The loss is hidden: nobody who compares both ends sees it."""
    first = history.commits["Train a regression"]
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "--mlregress-seeds=13"),
            f"--mlregress-against=tip:{first}",
        ],
        cwd=history.project.top,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_outside_git_each_command_says_so(tmp_path: Path) -> None:
    (tmp_path / "test_fit.py").write_text(
        "def test_fit(mlregress):\n    mlregress.record('error', 1.0, higher_is_better=False)\n"
    )
    for arguments in (
        ["bisect", "v1", "main", "--test", "test_fit.py::test_fit"],
        ["ablate", "main", "--change", "a"],
        ["explain", "test_fit.py::test_fit", "--against=main"],
    ):
        result = CliRunner().invoke(main, [*arguments, "--rootdir", str(tmp_path)])
        assert result.exit_code == 2, result.output
        assert result.stderr.count("\n") <= 2
        assert "git" in result.stderr
