"""A repository with a remote, and a machine of a CI service around it, as far as files tell."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
FILES = ROOT / "docs" / "how-to" / "ci"

TRAINING = """\
import random

import pytest

import model


@pytest.mark.seeds(3)
def test_training(mlregress):
    accuracy = random.gauss(0.9, 0.01) - model.LOSS
    mlregress.record("accuracy", accuracy, higher_is_better=True, margin=0.05)
"""

PYTHON = f"""\
#!/bin/sh
# The interpreter of the tests, which installs nothing.
if [ "$1 $2" = "-m pip" ]; then exit 0; fi
if [ "$1 $2" = "-m venv" ]; then mkdir -p "$3/bin"; ln -sf "$0" "$3/bin/python"; exit 0; fi
exec {sys.executable} "$@"
"""

RECORDER = f"""\
#!{sys.executable}
# Keeps how it was called, and answers what the test has prepared.
import json, os, pathlib, sys
name = pathlib.Path(sys.argv[0]).name
piped = "" if sys.stdin.isatty() or name == "gh" else sys.stdin.read()
files = [pathlib.Path(a.partition("@")[2]).read_text() for a in sys.argv if a.startswith("body=@")]
with open(os.environ["CALLS"], "a") as calls:
    calls.write(json.dumps([name, *sys.argv[1:], *files, piped]) + "\\n")
for pattern, answer in json.loads(os.environ.get("ANSWERS", "{{}}")).items():
    if pattern in " ".join(sys.argv):
        print(answer)
        break
"""


@dataclass
class Machine:
    """A checkout of the branch `feature`, whose base `main` is on the remote.

    Attributes:
        folder: holds all of it.
        environment: what the service sets.
        answers: by a part of a command line, what the service's own program prints.
    """

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    answers: dict[str, str] = field(default_factory=dict)

    @property
    def checkout(self) -> Path:
        return self.folder / "checkout"

    def prepare(self, *, loss: float) -> Machine:
        """Both commits; the code of the branch loses that much."""
        seed, remote = self.folder / "seed", self.folder / "remote.git"
        seed.mkdir()
        (seed / "test_training.py").write_text(TRAINING)
        (seed / "model.py").write_text("LOSS = 0.0\n")
        (seed / "pytest.ini").write_text("[pytest]\nmlregress_baseline_seeds = 8\n")
        (seed / ".gitignore").write_text("__pycache__\n.pytest_cache\n")
        self.git(seed, "init", "--quiet", "--initial-branch=main")
        self.commit(seed)
        self.git(self.folder, "clone", "--quiet", "--bare", str(seed), str(remote))
        self.git(self.folder, "clone", "--quiet", str(remote), str(self.checkout))
        self.git(self.checkout, "switch", "--quiet", "--create", "feature")
        (self.checkout / "model.py").write_text(f"LOSS = {loss}\n")
        self.commit(self.checkout)
        programs = self.folder / "bin"
        programs.mkdir()
        recorders = dict.fromkeys(("gh", "buildkite-agent"), RECORDER)
        for name, text in {"python": PYTHON, "python3": PYTHON, **recorders}.items():
            (programs / name).write_text(text)
            (programs / name).chmod(0o755)
        return self

    def run(self, script: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run a script as the services do: by bash, which ends at the first error."""
        return subprocess.run(
            ["bash", "-e", "-o", "pipefail", "-c", script],
            cwd=self.checkout,
            env=self.variables | variables,
            capture_output=True,
            text=True,
        )

    @property
    def variables(self) -> dict[str, str]:
        return {
            "PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}",
            "HOME": str(self.folder),
            "PYTHONPATH": str(ROOT / "src"),
            "PYTHONDONTWRITEBYTECODE": "1",
            "OMP_NUM_THREADS": "1",
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "PYTEST_ADDOPTS": "-p pytest_mlregress.plugin -p xdist",
            "PYTEST_XDIST_AUTO_NUM_WORKERS": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "CALLS": str(self.folder / "calls"),
            "ANSWERS": json.dumps(self.answers),
            **self.environment,
        }

    @property
    def calls(self) -> list[list[str]]:
        """How the programs of the service were called, with what was piped into them."""
        path = self.folder / "calls"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def commit(self, folder: Path) -> None:
        self.git(folder, "add", "--all")
        self.git(
            folder,
            *("-c", "user.name=A. Tester", "-c", "user.email=tester@example.org"),
            *("commit", "--quiet", "--allow-empty", "--message=A change"),
        )

    def git(self, folder: Path, *arguments: str) -> str:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments], check=True, capture_output=True, text=True
        )
        return done.stdout.strip()


def loaded(path: Path) -> Any:
    """A YAML file; GitHub's key `on` is true in YAML 1.1."""
    return yaml.safe_load(path.read_text(encoding="utf-8"))


EXPRESSION = re.compile(r"\$\{\{ *(.*?) *\}\}")


def substituted(text: str, contexts: Mapping[str, str]) -> str:
    """With the expressions of GitHub replaced by their values; one that is not known fails."""
    return EXPRESSION.sub(lambda found: contexts[found.group(1)], str(text))


def run_steps(
    machine: Machine, steps: list[Mapping[str, Any]], contexts: Mapping[str, str]
) -> list[subprocess.CompletedProcess[str]]:
    """Run the steps of a job that have a script, up to the first that fails; others are skipped."""
    results = []
    for step in steps:
        if "run" not in step:
            continue
        assert not EXPRESSION.search(step["run"]), "what users choose reaches a shell as a variable"
        variables = {
            name: substituted(value, contexts) for name, value in step.get("env", {}).items()
        }
        results.append(machine.run(step["run"], **variables))
        if results[-1].returncode:
            break
    return results


def jenkins_scripts(name: str) -> list[str]:
    """What Groovy makes of the strings in three single quotes, in which it replaces nothing."""
    text = (FILES / name).read_text(encoding="utf-8")
    assert '"""' not in text
    found = re.findall(r"sh '''(.*?)'''", text, re.DOTALL)
    return [script.replace("\\\n", "").replace("\\\\", "\\") for script in found]


def buildkite_scripts(name: str) -> dict[str, str]:
    """By the key of its step, every script as the agent gets it."""
    steps = [step for step in loaded(FILES / name)["steps"] if "commands" in step]
    return {step["key"]: step["commands"].replace("$$", "$") for step in steps}


def add_to_patch(machine: Machine, patch: Path) -> None:
    """What a training could have added to what it hands over; the next job starts afresh."""
    (machine.checkout / "model.py").write_text("OWNED = True\n")
    machine.git(machine.checkout, "add", "model.py")
    changed = machine.git(machine.checkout, "diff-index", "--cached", "--binary", "HEAD")
    assert "model.py" in changed
    machine.git(machine.checkout, "reset", "--quiet", "--hard")
    patch.write_text(f"{changed}\n", encoding="utf-8")


def pushed(machine: Machine) -> list[str]:
    """The files that the pushed commit changes."""
    names = machine.git(machine.folder / "remote.git", "diff", "--name-only",
                        "mlregress/update-77~1", "mlregress/update-77")  # fmt: skip
    return names.splitlines()
