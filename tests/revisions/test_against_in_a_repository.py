"""`--mlregress-against` as a user runs it, in fresh processes and real repositories."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from git_projects import Project, project

TEST = """
import random
import sys
from pathlib import Path

import pytest

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[1] / "libs" / "net")]
import model
import net


@pytest.mark.seeds(3)
def test_accuracy(mlregress):
    assert Path(__file__).with_name("target.txt").read_text() == "the candidate's"
    value = model.LEVEL + net.LEVEL + random.random() / 100
    mlregress.record("accuracy", value, higher_is_better=True, margin=0.05)
"""


def command(*arguments: str) -> list[str]:
    quiet = ("-q", "-p", "no:randomly", "-o", "asyncio_default_fixture_loop_scope=function")
    return [sys.executable, "-m", "pytest", "-m", "mlregress", *quiet, *arguments]


def run(made: Project, *arguments: str) -> tuple[int, list[str]]:
    """The exit status, and the lines on either stream."""
    environment: Mapping[str, str] = {**os.environ, "PYTEST_ADDOPTS": ""}
    done = subprocess.run(
        command(*arguments), cwd=made.top, env=environment, capture_output=True, text=True
    )
    return done.returncode, (done.stdout + done.stderr).splitlines()


@pytest.fixture
def made(tmp_path: Path) -> Project:
    """The submodule ``libs/net`` loses 0.5 of accuracy on the branch; ``model.py`` gains 0.2."""
    net = project(tmp_path / "net", {"net.py": "LEVEL = 0.6\n"})
    made = project(
        tmp_path / "project",
        {"model.py": "LEVEL = 0.1\n", "tests/test_net.py": "", "tests/target.txt": "the base's"},
    )
    made.git("submodule", "--quiet", "add", str(net.top), "libs/net")
    made.commit({})
    made.git("checkout", "--quiet", "-b", "idea")
    Project(made.top / "libs" / "net").commit({"net.py": "LEVEL = 0.1\n"})
    made.commit(
        {
            "model.py": "LEVEL = 0.3\n",
            "tests/test_net.py": TEST,
            "tests/target.txt": "the candidate's",
        }
    )
    return made


@pytest.mark.parametrize("workers", ["-n0", pytest.param("-n2", marks=pytest.mark.slow)])
def test_each_side_trains_with_its_own_submodule(made: Project, workers: str) -> None:
    before = made.state()
    status, lines = run(made, "--mlregress-against=main", workers)
    report = "\n".join(lines)
    assert status == 1, report
    assert any(line.startswith("regression") for line in lines), report
    assert "3 files changed between them" not in report  # the submodule is the fourth
    assert made.state() == before
    assert len(made.worktrees()) == 1


def test_what_cannot_be_compared_is_a_usage_error(made: Project) -> None:
    status, lines = run(made, "--mlregress-against=mian")
    assert status == 4
    assert (
        f"ERROR: --mlregress-against=mian: mian names no commit of {made.top}; did you mean main?"
        in lines
    )
    made.write({"requirements.txt": "torch==2.3\n"})
    status, lines = run(made, "--mlregress-against=tip:main")
    commit = made.git("rev-parse", "--short=7", "main")
    assert status == 4
    assert (
        "ERROR: --mlregress-against=tip:main: the declared dependencies differ (requirements.txt: "
        f"torch==2.3) between the base {commit} and the working tree, and one environment cannot "
        "serve both sides; name an environment of the base, with the dependencies that it "
        "declares: --mlregress-against=tip:main,env:PYTHON" in lines
    )
    assert made.worktrees() == []


@pytest.mark.slow
def test_without_a_cache_nothing_is_left(made: Project) -> None:
    run(made, "--mlregress-against=main", "-p", "no:cacheprovider")
    assert made.worktrees() == []
    assert not (made.top / ".pytest_cache").exists()
