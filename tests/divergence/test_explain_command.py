"""``mlregress explain`` on small repositories, as a user sees it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

FEW_PLUGINS = {
    "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    "PYTEST_ADDOPTS": "-p pytest_mlregress.plugin",
}
"""For the processes that are started: they start in half the time."""

COMMAND = "from pytest_mlregress.cli import main; main()"

MODEL = """\
import numpy as np

RATE = 0.1


def load():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, 3))
    return x, x @ np.array([1.0, -2.0, 0.5])


def gradient(weights, x, y):
    return x.T @ (x @ weights - y) / len(x)


def train(seed):
    x, y = load()
    weights = np.random.normal(size=3)
    for _ in range(5):
        weights = weights - RATE * gradient(weights, x, y)
    return float(np.mean((x @ weights - y) ** 2))
"""

TEST = """\
import model


def test_model(mlregress):
    mlregress.record("error", model.train(mlregress.seed), higher_is_better=False)
"""


@dataclass(frozen=True)
class Project:
    top: Path

    def git(self, *arguments: str) -> str:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        identity = ("-c", "user.name=A", "-c", "user.email=a@example.org")
        done = subprocess.run(
            ["git", "-C", str(self.top), *identity, *arguments],
            check=True,
            capture_output=True,
            text=True,
            env={**clean, "GIT_CONFIG_GLOBAL": os.devnull},
        )
        return done.stdout.strip()

    def commit(self, files: dict[str, str], message: str) -> str:
        for name, text in files.items():
            (self.top / name).write_text(text)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--message", message)
        return self.git("rev-parse", "--short=7", "HEAD")

    def explain(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", COMMAND, "explain", *arguments],
            cwd=self.top,
            capture_output=True,
            text=True,
            env={**os.environ, **FEW_PLUGINS, "COLUMNS": "80"},
        )


def project(folder: Path, files: dict[str, str]) -> Project:
    folder.mkdir(parents=True, exist_ok=True)
    made = Project(folder)
    made.git("init", "--quiet", "--initial-branch=main")
    ini = {"pytest.ini": "[pytest]\n", ".gitignore": ".pytest_cache/\n__pycache__/\n"}
    made.commit({**ini, **files}, "Train")
    return made


@pytest.fixture(scope="module")
def numpy_project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A second commit changes the gradient, and the rest without effect."""
    made = project(
        tmp_path_factory.mktemp("numpy") / "p", {"model.py": MODEL, "test_model.py": TEST}
    )
    changed = MODEL.replace("- y) / len(x)", "- y) / (1 + len(x))")
    made.commit({"model.py": changed.replace("x, y = load()", "x, y = load()  # all")}, "Divide")
    return made


def test_a_training_without_torch_is_localised_by_what_its_functions_return(
    numpy_project: Project,
) -> None:
    commit, before = (
        numpy_project.git("rev-parse", "--short=7", "HEAD"),
        numpy_project.git("rev-parse", "--short=7", "HEAD~1"),
    )
    status = numpy_project.git("status", "--porcelain")
    done = numpy_project.explain("test_model.py::test_model", "--against=tip:HEAD~1", "--json")
    assert done.returncode == 1, done.stderr
    found = json.loads(done.stdout)
    assert found["base"] == f"{before} (Train)"
    assert found["divergence"]["evidence"] == {"kind": "return", "name": "gradient"}
    assert found["divergence"]["source"] == {
        "file": "model.py",
        "line": 13,
        "function": "gradient",
        "side": "candidate",
        "how": "line",
    }
    assert found["change"] == {"commit": commit, "subject": "Divide"}
    assert found["trainings"] == 3
    assert numpy_project.git("status", "--porcelain") == status
    assert numpy_project.git("worktree", "list").count("\n") == 0


@pytest.mark.slow
def test_an_uncommitted_change_is_compared_with_the_last_commit(numpy_project: Project) -> None:
    file = numpy_project.top / "model.py"
    committed = file.read_text()
    file.write_text(committed.replace("RATE = 0.1", "RATE = 0.05"))
    try:
        done = numpy_project.explain("test_model")
    finally:
        file.write_text(committed)
    answer = "constant: `RATE` has another value; `model.py:3` changed, in no commit yet"
    assert (done.returncode, done.stdout.splitlines()[1]) == (1, answer)


@pytest.mark.slow
def test_the_same_code_twice_diverges_nowhere(numpy_project: Project) -> None:
    done = numpy_project.explain("test_model.py::test_model", "--self")
    assert (done.returncode, done.stdout.splitlines()) == (
        0,
        [
            "test_model.py::test_model, seed 0: the working tree, trained twice",
            "nothing diverges: all recorded metrics are equal, and so are the recorded values",
            "  of functions",
            "  trainings 2",
        ],
    )


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (
            ("test_model.py::test_model",),
            "Error: test_model.py::test_model has no baseline, and the working tree has no "
            "uncommitted change to compare with HEAD; name the other side: --against=REF, or "
            "--against=. for the same code twice",
        ),
        (
            ("test_model.py::test_model", "--against=env:python"),
            "Error: --against: 'env:python': explain compares code that the same tests and the "
            "same environment run; write REF, tip:REF, or . for the working tree twice",
        ),
        (
            ("test_model.py::test_model", "--self", "--against=main"),
            "Error: --self and --against=main name two sides; give one",
        ),
    ],
)
def test_what_cannot_be_compared_is_one_clear_line(
    numpy_project: Project, arguments: tuple[str, ...], line: str
) -> None:
    done = numpy_project.explain(*arguments)
    assert (done.returncode, done.stdout, done.stderr.splitlines()[-1]) == (2, "", line)


def test_a_test_file_that_differs_is_named_as_not_compared(numpy_project: Project) -> None:
    file = numpy_project.top / "test_model.py"
    committed = file.read_text()
    file.write_text(committed.replace('"error", model', '"error", 2 * model'))
    try:
        done = numpy_project.explain("test_model", "--against=tip:HEAD", "--json")
    finally:
        file.write_text(committed)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["notes"] == [
        "test_model.py differs between the sides and is not compared: both sides run the working "
        "tree's test files"
    ]


def test_a_shallow_clone_without_the_commit_of_the_baseline_is_refused(tmp_path: Path) -> None:
    made = project(tmp_path / "p", {"model.py": MODEL, "test_model.py": TEST})
    record = "import sys, pytest; sys.exit(pytest.main(sys.argv[1:]))"
    options = ("--mlregress-update", "--mlregress-baseline-seeds=2")
    environment = {**os.environ, **FEW_PLUGINS}
    subprocess.run(
        [sys.executable, "-c", record, *options], cwd=made.top, env=environment, check=True
    )
    recorded = made.git("rev-parse", "HEAD")[:10]
    made.commit({"notes.md": ""}, "Record")
    clone = Project(tmp_path / "clone")
    made.git("clone", "--quiet", "--depth=1", f"file://{made.top}", str(clone.top))
    (clone.top / "model.py").write_text(MODEL.replace("0.1", "0.2"))
    done = clone.explain("test_model.py::test_model")
    assert (done.returncode, done.stdout, done.stderr.splitlines()[-1]) == (
        2,
        "",
        f"Error: test_model.py::test_model has a baseline of commit {recorded}, which this clone "
        "lacks; fetch it: git fetch --unshallow; or name the other side: --against=REF",
    )


NETWORK = """\
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Linear(4, 8)
        self.drop = nn.Dropout(0.2)
        self.head = nn.Linear(8, 2)

    def forward(self, x):
        return self.head(self.drop(torch.relu(self.body(x))))


def train():
    model = Net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for _ in range(6):
        x = torch.randn(16, 4)
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x), (x[:, 0] > 0).long()).backward()
        optimizer.step()
    return model.head.bias.sum().item()
"""

TORCH_TEST = TEST.replace("model.train(mlregress.seed)", "model.train()")


@pytest.mark.slow
def test_the_module_the_line_and_the_commit_are_named(tmp_path: Path) -> None:
    made = project(tmp_path / "p", {"model.py": NETWORK, "test_model.py": TORCH_TEST})
    more = made.commit({"model.py": NETWORK.replace("(0.2)", "(0.3)")}, "Drop more")
    made.commit({"README.md": "A network.\n"}, "Say what it is")
    done = made.explain("test_model", "--against=tip:HEAD~2")
    assert done.returncode == 1, done.stderr
    lines = done.stdout.splitlines()
    assert lines[1] == (f"step 0, forward: `drop` differs first; `model.py:9` changed in {more}")
    assert "  line      model.py:9 in Net.__init__: self.drop = nn.Dropout(0.3)" in lines
    assert f"  commit    {more} (Drop more)" in lines
    assert all(len(line) <= 80 for line in lines)
