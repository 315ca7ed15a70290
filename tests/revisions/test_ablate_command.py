"""``mlregress ablate`` on a small repository, as a user runs it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from git_projects import Project
from small_projects import CONFIGURATION

from pytest_mlregress.cli import main

pytestmark = pytest.mark.usefixtures("lean_pytest")

SETTINGS = "WIDTH = 1\n\n\n# the steps\n\n\nRATE = 1\n\n\n# the schedule\n\n\nDECAY = 1\n"
TRAINING = """\
import os
import random
import time
from pathlib import Path

from toy import settings


def train(seed):
    if "TRAININGS" in os.environ:
        with Path(os.environ["TRAININGS"]).open("a") as file:
            file.write(f"{settings.WIDTH}{settings.RATE}{settings.DECAY} {seed}\\n")
        time.sleep(0.2)
    score = 0.9 + random.Random(seed).gauss(0, 0.01)
    score += random.Random(f"{seed} {settings.WIDTH} {settings.RATE}").gauss(0, 0.001)
    return score + 0.03 * (settings.WIDTH == 2) - 0.02 * (settings.RATE == 2)
"""
TEST = """\
import pytest
from toy.training import train


@pytest.mark.seeds(3)
def test_toy(mlregress):
    mlregress.record("accuracy", train(mlregress.seed), higher_is_better=True, margin=0.01)
"""


def setting(**values: str) -> dict[str, str]:
    text = SETTINGS
    for name, value in values.items():
        text = text.replace(f"{name} = 1", f"{name} = {value}")
    return {"src/toy/settings.py": text}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """`wide` gains .03, `fast` loses .02, `same` does nothing, `broken` is no Python."""
    project = Project(tmp_path_factory.mktemp("ablate") / "project")
    project.top.mkdir()
    project.git("init", "--quiet", "--initial-branch=main")
    files = {
        "pyproject.toml": CONFIGURATION,
        ".gitignore": ".pytest_cache/\n__pycache__/\n*.patch\n*.html\n*.svg\n",
        "src/toy/__init__.py": "",
        "src/toy/training.py": TRAINING,
        "tests/test_toy.py": TEST,
    }
    project.commit({**files, **setting()}, "Train the toy")
    for name, values in {
        "wide": {"WIDTH": "2"},
        "fast": {"RATE": "2"},
        "same": {"DECAY": "2"},
        "broken": {"DECAY": "("},
        "clash": {"WIDTH": "3"},
    }.items():
        project.git("checkout", "--quiet", "-b", name, "main")
        project.commit(setting(**values), f"Set {name}")
    project.git("checkout", "--quiet", "main")
    project.write({"fast.patch": project.git("diff", "main", "fast") + "\n"})
    project.write({"src/toy/__init__.py": "# being edited\n"})
    project.git("status")  # which refreshes the index
    return project


def ablate(made: Project, *arguments: str) -> Result:
    return CliRunner().invoke(
        main, ["ablate", "main", "--rootdir", str(made.top), *arguments], catch_exceptions=False
    )


HIDDEN = ("--change", "wide", "--change", "fast=fast.patch", "--seeds", "8")


def test_a_hidden_loss_is_named_and_nothing_is_touched(
    made: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(made.top)  # where paths of patches start
    before = made.state()
    reports = [made.top / "found.html", made.top / "found.svg"]
    wanted = [argument for report in reports for argument in ("--report", str(report))]
    first = ablate(made, *HIDDEN, *wanted, "-n", "2")
    lines = first.stdout.splitlines()
    start = made.git("rev-parse", "main")[:7]
    assert first.exit_code == 1, first.output
    assert lines[:8] == [
        f"2 changes on main ({start}): all of 4 combinations, at most 8 seeds each",
        f"  wide: wide, 1 commit since {start}",
        "  fast: the patch fast.patch",
        "",
        "tests/test_toy.py::test_toy",
        "accuracy, higher is better, margin 0.01",
        "  cell         mean    SD  seeds",
        "  BASE       0.9084  0.01  5",
    ]
    assert lines[-1] == "fast loses"
    text = " ".join(first.stdout.split())
    assert "together with wide it is hidden: wide+fast gains" in text
    assert all(len(line) <= 80 for line in lines)
    assert made.state() == before
    assert made.worktrees() == []
    assert "<svg" in reports[0].read_text()
    assert reports[1].read_text().startswith("<svg")
    # Another run has the answer from the cache, whatever the changes are called, one at a time.
    again = ablate(made, *HIDDEN[:2], "--change", "quick=fast^0", *HIDDEN[4:], "--json")
    document = json.loads(again.stdout)
    assert (again.exit_code, document["losing"], document["trained"]) == (1, ["quick"], 0)
    assert document["reused"] == 20
    (metric,) = document["metrics"]
    assert metric["masks"][0]["by"] == ["wide"]
    assert set(metric["values"]) == {"BASE", "wide", "quick", "wide+quick"}


@pytest.mark.slow
def test_what_is_harmless_and_what_cannot_run(made: Project) -> None:
    harmless = ablate(made, "--change", "same", "--change", "wide", "--seeds", "8")
    assert harmless.exit_code == 0, harmless.output
    assert harmless.stdout.splitlines()[-1] == "neither same nor wide loses more than the margin"
    broken = ["--change", "broken", "--change", "wide", "--seeds", "8"]
    unclear = ablate(made, *broken)
    assert unclear.exit_code == 0, unclear.output
    lines = unclear.stdout.splitlines()
    assert lines[-1] == "cannot tell whether broken loses; wide is safe"
    assert any(line.startswith("  broken was not trained: ") for line in lines)
    assert ablate(made, *broken, "--strict").exit_code == 1


def error(result: Result) -> str:
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    return result.stderr.splitlines()[-1].removeprefix("Error: ")


def test_bad_input_is_one_line_before_anything_trains(
    made: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "trainings"
    monkeypatch.setenv("TRAININGS", str(log))
    both = ("--change", "wide", "--change", "fast")
    assert error(ablate(made, "--change", "wide", "--change", "clash")) == (
        "wide and clash conflict in src/toy/settings.py; merge them once by hand and say where: "
        "--cell wide+clash=BRANCH; or leave that combination out: --without wide+clash "
        "(whether they act on each other is then not known)"
    )
    assert "did you mean fast?" in error(ablate(made, "--change", "fats"))
    assert "did you mean" not in error(ablate(made, *both, "--cell", "wide+fast"))
    assert error(ablate(made, *both, "--cell", "wide+fast")) == (
        "--cell 'wide+fast': expected a combination and a ref, such as A+B=REF"
    )
    assert error(ablate(made, *both, "--test", "tests/test_toy.py::test_toi")) == (
        "there is no regression test tests/test_toy.py::test_toi; there are: "
        "tests/test_toy.py::test_toy"
    )
    assert "margin='1 percent' is not a margin" in error(
        ablate(made, *both, "--margin", "1 percent")
    )
    assert "ends with .html, .svg, .md, .json" in error(ablate(made, *both, "--report", "x.pdf"))
    assert "--fraction is for 5 to 8 changes" in error(ablate(made, *both, "--fraction"))
    assert "Missing option '--change'" in error(ablate(made))
    outside = CliRunner().invoke(main, ["ablate", "main", *both, "--rootdir", str(tmp_path)])
    assert "is outside git" in error(outside)
    assert not log.exists()


PROGRAM = "from pytest_mlregress.cli import main; main(prog_name='mlregress')"


def trained(log: Path) -> list[str]:
    return log.read_text().splitlines() if log.exists() else []


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="there is no kill -9")
def test_a_killed_run_goes_on(made: Project, tmp_path: Path) -> None:
    log = tmp_path / "trainings"
    arguments = ["ablate", "main", "--change", "wide", "--change", "fast", "--seeds", "6"]
    command = [sys.executable, "-c", PROGRAM, *arguments, "--", "-p", "no:randomly"]
    environment = {**os.environ, "TRAININGS": str(log)}
    first = subprocess.Popen(
        command, cwd=made.top, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    while len(trained(log)) < 7 and first.poll() is None:
        time.sleep(0.02)
    os.kill(first.pid, signal.SIGKILL)
    first.communicate()
    before = trained(log)
    done = subprocess.run(
        command, cwd=made.top, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1, done.stderr
    assert done.stdout.splitlines()[-1] == "fast loses"
    after = trained(log)[len(before) :]
    # At most the seed that was under way is trained twice.
    assert len(set(before) & set(after)) <= 1
    assert 7 <= len(before) < 20
    assert made.worktrees() == []
