"""A history of twelve commits: one loses about a standard deviation, and improvements hide it.

The training is a small regression with torch, 20 ms a seed. Measured with 40 seeds, in standard
deviations of the code before: +0.35 (learning rate), +0.5 (wider), **-1.0 (clipped gradients)**,
+0.6 (momentum), +0.3 (more steps). The last commit is no worse than the first.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from git_projects import Project

CONFIGURATION: Final = """\
[tool.pytest.ini_options]
pythonpath = ["src"]
testpaths = ["tests"]
"""

MODEL: Final = """\
from torch import nn


def make_model(hidden={hidden}):
    return nn.Sequential(nn.Linear(8, hidden), nn.Tanh(), nn.Linear(hidden, 1))
"""

DATA: Final = """\
import torch


def make_data():
    inputs, weights = torch.randn(200, 8), torch.randn(8, 1)
    return inputs, torch.tanh(inputs @ weights / 2) + 0.3 * torch.randn(200, 1)
"""

TRAINING: Final = """\
import torch
from torch import nn

from toy.data import make_data
from toy.model import make_model


def train_step(model, optimizer, inputs, targets):
    loss = nn.functional.mse_loss(model(inputs), targets)
    optimizer.zero_grad()
    loss.backward(){clip}
    optimizer.step()
    return loss


def train():
    inputs, targets = make_data()
    model = make_model()
    optimizer = torch.optim.SGD(model.parameters(), lr={lr}, momentum={momentum})
    for step in range({steps}):
        batch = slice(step * 40 % 160, step * 40 % 160 + 40)
        train_step(model, optimizer, inputs[batch], targets[batch])
    with torch.no_grad():
        return float(nn.functional.mse_loss(model(inputs[160:]), targets[160:]))
"""

CLIP: Final = "\n    nn.utils.clip_grad_norm_(model.parameters(), 0.55)"

TEST: Final = """\
import pytest
from toy.training import train


@pytest.mark.seeds(5)
def test_fit(mlregress):
    mlregress.record("error", train(), higher_is_better=False, margin=0.01)
"""

LOSING: Final = "Clip the gradients"


@dataclass(frozen=True)
class HiddenLoss:
    """The repository, and its commits by their subjects."""

    project: Project
    commits: dict[str, str]

    @property
    def losing(self) -> str:
        """The commit that loses."""
        return self.commits[LOSING]


def hidden_loss(folder: Path) -> HiddenLoss:
    """Make the repository; the last commit is checked out."""
    folder.mkdir(parents=True)
    project = Project(folder)
    project.git("init", "--quiet", "--initial-branch=main")
    sizes = {"lr": "0.05", "momentum": "0", "steps": "20", "hidden": "16", "clip": ""}
    commits: dict[str, str] = {}

    def code(**changed: str) -> dict[str, str]:
        sizes.update(changed)
        return {
            "src/toy/model.py": MODEL.format(**sizes),
            "src/toy/training.py": TRAINING.format(**sizes),
        }

    history: list[tuple[str, dict[str, str]]] = [
        (
            "Train a regression",
            {
                "pyproject.toml": CONFIGURATION,
                ".gitignore": ".pytest_cache/\n__pycache__/\n",
                "src/toy/__init__.py": "",
                "src/toy/data.py": DATA,
                "tests/test_fit.py": TEST,
                **code(),
            },
        ),
        ("Write a README", {"README.md": "# Toy\n"}),
        ("Raise the learning rate", code(lr="0.06")),
        ("Describe the data", {"README.md": "# Toy\n\nMade up.\n"}),
        ("Widen the hidden layer", code(hidden="32")),
        ("Add a tool", {"tools/clean.py": "print('clean')\n"}),
        (LOSING, code(clip=CLIP)),
        ("Say how to install it", {"README.md": "# Toy\n\nMade up.\n\npip install toy\n"}),
        ("Use momentum", code(momentum="0.3")),
        ("Comment on the data", {"src/toy/data.py": f"# Made up.\n{DATA}"}),
        ("Train a little longer", code(steps="24")),
        ("Add a license", {"LICENSE": "MIT\n"}),
    ]
    for subject, files in history:
        commits[subject] = project.commit(files, subject)
    return HiddenLoss(project, commits)
