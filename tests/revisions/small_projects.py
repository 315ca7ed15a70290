"""Small repositories with a training that takes no time and scatters with the seed."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from git_projects import Project

CONFIGURATION: Final = """\
[tool.pytest.ini_options]
pythonpath = ["src"]
testpaths = ["tests"]
"""

TRAINING: Final = """\
import random


def train(seed):
    return 0.9 + random.Random(seed).gauss(0, 0.01) + {shift}
"""

TEST: Final = """\
import pytest
from toy import train


@pytest.mark.seeds(3)
def test_toy(mlregress):
    mlregress.record("accuracy", train(mlregress.seed), higher_is_better=True, margin=0.01)
"""


TOY: Final = "src/toy/__init__.py"


def toy(shift: str) -> dict[str, str]:
    """The files of the training, with something added to its metric."""
    return {TOY: TRAINING.format(shift=shift)}


def small_project(folder: Path) -> Project:
    """A repository with one commit."""
    folder.mkdir(parents=True, exist_ok=True)
    project = Project(folder)
    project.git("init", "--quiet", "--initial-branch=main")
    files = {
        "pyproject.toml": CONFIGURATION,
        ".gitignore": ".pytest_cache/\n__pycache__/\n",
        "tests/test_toy.py": TEST,
    }
    project.commit({**files, **toy("0")}, "Train the toy")
    return project
