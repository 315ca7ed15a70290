"""`--mlregress-against=env:PYTHON`: two interpreters, each in processes of its own."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from python_environments import install, make_environment

TEST = """
import random

import pytest
import tinynet


@pytest.mark.seeds(5)
def test_training(mlregress):
    accuracy = random.gauss(0.9, 0.01) + tinynet.GAIN
    mlregress.record("accuracy", accuracy, higher_is_better=True, margin=0.02)
"""
BASELINE = "__baselines__/test_training/test_training.default.json"
OFF = ("asyncio", "randomly", "pytest-shard", "hypothesispytest", "allure_pytest", "anyio")


class Project:
    """A suite in a git repository, and environments that differ in one package."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "project"
        self.path.mkdir()
        off = " ".join(f"-p no:{name}" for name in OFF)
        (self.path / "pytest.ini").write_text(f"[pytest]\naddopts = {off}\n")
        (self.path / ".gitignore").write_text(".pytest_cache\n__pycache__\nreport.*\n")
        (self.path / "test_training.py").write_text(TEST)
        self.git("init", "--quiet")
        self.commit()

    def environment(self, name: str, version: str, gain: float) -> Path:
        make_environment(self.folder / name)
        install(self.folder / name, "tinynet", version, f"GAIN = {gain}\n")
        return self.folder / name

    def git(self, *arguments: str) -> None:
        person = ("-c", "user.name=A. Tester", "-c", "user.email=tester@example.org")
        subprocess.run(["git", "-C", str(self.path), *person, *arguments], check=True)

    def commit(self) -> None:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message=A change")

    def run(self, environment: str, *arguments: str, **variables: str) -> tuple[int, list[str]]:
        """Run pytest in an environment; its exit status and the lines that it printed."""
        python = self.folder / environment / "bin" / "python"
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("PYTEST_", "PYTHONPATH"))
        }
        done = subprocess.run(
            [str(python), "-m", "pytest", "--mlregress-report=report.json", *arguments],
            cwd=self.path,
            env={**inherited, "COLUMNS": "120", **variables},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, (done.stdout + done.stderr).splitlines()

    @property
    def report(self) -> dict[str, Any]:
        report: dict[str, Any] = json.loads((self.path / "report.json").read_text())
        return report

    @property
    def ledger(self) -> list[dict[str, Any]]:
        ledger: list[dict[str, Any]] = json.loads((self.path / BASELINE).read_text())["ledger"]
        return ledger


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """With the environments ``old``, ``new``, and ``worse``, whose training loses."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GIT_CONFIG_GLOBAL", os.devnull)
        made = Project(tmp_path_factory.mktemp("comparison"))
        made.environment("old", "1.2.0", 0.0)
        made.environment("new", "1.3.0", 0.001)
        made.environment("worse", "1.4.0", -0.2)
        yield made


@pytest.fixture
def unrecorded(project: Project) -> Project:
    """Without a baseline and without evidence."""
    project.git("rm", "-r", "--quiet", "--force", "--ignore-unmatch", "__baselines__")
    project.commit()
    subprocess.run(["rm", "-rf", str(project.path / ".pytest_cache")], check=True)
    return project


@pytest.mark.parametrize("workers", ["-n0", pytest.param("-n2", marks=pytest.mark.slow)])
def test_a_bump_is_compared_and_recorded_as_one_revision(unrecorded: Project, workers: str) -> None:
    project = unrecorded
    assert (
        project.run("old", workers, "--mlregress-update", "--mlregress-baseline-seeds=20")[0] == 0
    )
    project.commit()

    status, lines = project.run("new", workers, f"--mlregress-against=env:{project.folder}/old")

    assert status == 0, lines
    # Two builds of one version give other numbers: no seed is taken, and none is kept.
    assert project.report["summary"]["seeds_cached"] == 0
    assert not list(project.path.rglob("mlregress-seeds"))
    suite = "the environments agree: 1 of 1 test, no metric has lost"
    at = lines.index(suite)
    assert lines[at + 1 : at + 3] == ["  differs  base   candidate", "  tinynet  1.2.0  1.3.0"]
    assert lines[at - 1].endswith(f"against the same files under env:{project.folder}/old")
    assert project.report["sides"]["suite"] == suite
    assert project.report["sides"]["environment"] == [
        {"name": "tinynet", "base": "1.2.0", "candidate": "1.3.0"}
    ]
    assert project.report["summary"]["notes"] == [
        "baselines of the base's environment become those of this one, in one revision with this "
        "comparison as its evidence: pytest -m mlregress --mlregress-update"
    ]

    status, lines = project.run("new", "-m", "mlregress", workers, "--mlregress-update")

    assert status == 0, lines
    assert (
        "note: 1 baseline re-recorded as one revision of kind environment: tinynet 1.2.0 -> 1.3.0; "
        "the environments agree: 1 of 1" in lines
    )
    (entry,) = project.ledger
    assert (entry["kind"], entry["anchored"]) == ("environment", ["accuracy"])
    assert entry["evidence"]["change"]["accuracy"] == pytest.approx(0.001)


@pytest.mark.slow
def test_an_environment_that_loses_is_red_and_leaves_no_evidence(unrecorded: Project) -> None:
    project = unrecorded

    status, lines = project.run("worse", f"--mlregress-against=env:{project.folder}/old")

    assert status == 1
    assert "1 of 1 test loses: test_training (regression)" in lines
    assert project.report["summary"]["notes"] == []
    assert not list((project.path / ".pytest_cache").rglob("environment-evidence.json"))


@pytest.mark.slow
def test_a_part_of_the_suite_is_no_evidence(unrecorded: Project) -> None:
    project = unrecorded

    status, _ = project.run("new", "-k", "training", "--mlregress-against=env:../old")

    assert status == 0
    assert project.report["summary"]["notes"] == []
    assert not list((project.path / ".pytest_cache").rglob("environment-evidence.json"))


@pytest.mark.slow
def test_packages_of_the_candidate_stay_out_of_the_base(unrecorded: Project) -> None:
    """On PYTHONPATH they come before those of either environment."""
    project = unrecorded
    leak = project.folder / "leak"
    (leak / "tinynet-9.9.dist-info").mkdir(parents=True)
    (leak / "tinynet-9.9.dist-info" / "METADATA").write_text("Name: tinynet\nVersion: 9.9\n")
    (leak / "tinynet-9.9.dist-info" / "top_level.txt").write_text("tinynet\n")
    (leak / "tinynet.py").write_text("GAIN = 0.0\n")

    _, lines = project.run(
        "new", f"--mlregress-against=env:{project.folder}/old", PYTHONPATH=str(leak)
    )

    assert "  tinynet  1.2.0  9.9" in lines


@pytest.mark.slow
def test_a_script_can_set_what_an_environment_needs(unrecorded: Project) -> None:
    project = unrecorded
    script = project.folder / "with variables"
    script.write_text(
        "#!/bin/sh\nexport CUBLAS_WORKSPACE_CONFIG=:16:8\n"
        f'exec {project.folder}/old/bin/python "$@"\n'
    )
    script.chmod(0o755)

    status, lines = project.run("new", f"--mlregress-against=env:{script}")

    assert status == 0, lines
    assert project.report["summary"]["notes"] == []  # there is no baseline to record again
    assert project.report["sides"]["environment"] == [
        {"name": "CUBLAS_WORKSPACE_CONFIG", "base": ":16:8", "candidate": "unset"},
        {"name": "tinynet", "base": "1.2.0", "candidate": "1.3.0"},
    ]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (
            "env:nowhere",
            "there is no {project}/nowhere, and no command nowhere on PATH; name an interpreter, "
            "or a folder that holds one, such as env:/path/to/venv or env:python3.12",
        ),
        (
            "env:../new",
            "{folder}/new/bin/python belongs to the environment that pytest runs in ({folder}/new):"
            " nothing would be compared; name the other environment's interpreter, or leave env: "
            "out",
        ),
    ],
)
def test_a_refusal_is_a_usage_error(project: Project, value: str, message: str) -> None:
    status, lines = project.run("new", f"--mlregress-against={value}")

    text = message.format(project=project.path, folder=project.folder)
    assert status == pytest.ExitCode.USAGE_ERROR
    assert f"ERROR: --mlregress-against={value}: {text}" in lines
