"""Repositories whose trainings take no time, and the command ``mlregress bisect`` in them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from git_projects import Project, project

MODEL = '''
"""A training whose result is the level of its code and the luck of its seed."""

from random import Random

LEVEL = {level}


def train(seed):
    """One part of the noise is the same in every state of the code."""
    kept, own = Random(seed), Random(f"{{seed}} {{LEVEL}} {salt}")
    return 0.8 + LEVEL + 0.008 * kept.gauss(0, 1) + 0.006 * own.gauss(0, 1)
'''

TEST = """
from model import train


def test_accuracy(mlregress):
    mlregress.record("accuracy", train(mlregress.seed), higher_is_better=True)
"""

LOSS = 0.03


def model(level: float, salt: str = "") -> dict[str, str]:
    return {"src/model.py": MODEL.format(level=level, salt=salt)}


def start(top: Path, files: dict[str, str] | None = None) -> Project:
    """The good end, tagged ``good``."""
    made = project(
        top,
        {
            "pyproject.toml": '[tool.pytest.ini_options]\npythonpath = ["src"]\n',
            "tests/test_model.py": TEST,
            **model(0.0),
            **(files or {}),
        },
    )
    made.git("tag", "good")
    return made


def twelve_commits(top: Path) -> Project:
    """Twelve commits after ``good``; the seventh loses, and some cannot be run."""
    made = start(top)
    made.commit(model(0.0, "1"), "Rename a variable")
    made.commit({"README.md": "A model.\n"}, "Write a README")
    made.commit(model(0.004, "3"), "Tune the rate")
    made.commit({"README.md": "The model.\n"}, "Polish the README")
    made.commit({"src/model.py": "def train(seed):\n    return 1 +\n"}, "Break the syntax")
    made.commit(model(0.004, "6"), "Repair the syntax")
    made.commit(model(0.004 - LOSS, "7"), "Use a cheaper initialisation")
    made.git("tag", "culprit")
    made.commit({"docs/index.md": "1\n"}, "Begin the docs")
    made.commit(model(0.006 - LOSS, "9"), "Add warm-up")
    made.commit({"docs/index.md": "2\n"}, "Go on with the docs")
    made.commit(model(0.006 - LOSS, "11"), "Sort the imports")
    made.commit({"README.md": "Our model.\n"}, "Sign the README")
    return made


def command(*arguments: str) -> list[str]:
    program = "from pytest_mlregress.cli import main; main(prog_name='mlregress')"
    return [sys.executable, "-c", program, "bisect", *arguments]


def environment() -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return {**clean, "COLUMNS": "80", "PYTHONHASHSEED": "0"}


def bisect(made: Project, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a repository."""
    return subprocess.run(
        command(*arguments), cwd=made.top, env=environment(), capture_output=True, text=True
    )


def lines_with(text: str, words: Sequence[str]) -> list[str]:
    return [line for line in text.splitlines() if all(word in line for word in words)]
