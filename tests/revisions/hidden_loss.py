"""A history of twelve commits: one loses about a standard deviation, and improvements hide it.

The training is a small regression in numpy, 2 ms a seed. Measured with 60 seeds, in standard
deviations of the code before, where more error is worse: -0.3 (learning rate), -0.5 (wider), **+1.0
(clipped gradients)**, -0.6 (momentum), -0.2 (more steps). The last commit is better than the first.
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
import numpy as np


def make_model(generator, hidden={hidden}):
    return [
        generator.uniform(-1, 1, (8, hidden)) / 8**0.5,
        np.zeros(hidden),
        generator.uniform(-1, 1, (hidden, 1)) / hidden**0.5,
        np.zeros(1),
    ]


def forward(model, inputs):
    first, first_bias, second, second_bias = model
    hidden = np.tanh(inputs @ first + first_bias)
    return hidden, hidden @ second + second_bias


def gradients(model, inputs, targets):
    hidden, outputs = forward(model, inputs)
    upstream = 2 * (outputs - targets) / len(targets)
    inner = upstream @ model[2].T * (1 - hidden**2)
    return [inputs.T @ inner, inner.sum(0), hidden.T @ upstream, upstream.sum(0)]
"""

DATA: Final = """\
import numpy as np


def make_data(generator):
    inputs, weights = generator.normal(size=(200, 8)), generator.normal(size=(8, 1))
    targets = np.tanh(inputs @ weights / 2) + 0.3 * generator.normal(size=(200, 1))
    return inputs, targets
"""

TRAINING: Final = """\
import numpy as np

from toy.data import make_data
from toy.model import forward, gradients, make_model


def clip(slopes, limit):
    norm = sum(float((slope**2).sum()) for slope in slopes) ** 0.5
    return [slope * min(1.0, limit / norm) for slope in slopes]


def update(model, speeds, slopes):
    for values, speed, slope in zip(model, speeds, slopes, strict=True):
        speed *= {momentum}
        speed += slope
        values -= {lr} * speed


def train(seed):
    generator = np.random.default_rng(seed)
    inputs, targets = make_data(generator)
    model = make_model(generator)
    speeds = [np.zeros_like(values) for values in model]
    for step in range({steps}):
        batch = slice(step * 40 % 160, step * 40 % 160 + 40)
        slopes = gradients(model, inputs[batch], targets[batch])
        update(model, speeds, {clip})
    return float(np.mean((forward(model, inputs[160:])[1] - targets[160:]) ** 2))
"""

UNCLIPPED: Final = "slopes"
CLIPPED: Final = "clip(slopes, 0.55)"

TEST: Final = """\
import pytest
from toy.training import train


@pytest.mark.seeds(5)
def test_fit(mlregress):
    mlregress.record("error", train(mlregress.seed), higher_is_better=False, margin=0.01)
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
    sizes = {"lr": "0.05", "momentum": "0", "steps": "20", "hidden": "16", "clip": UNCLIPPED}
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
        (LOSING, code(clip=CLIPPED)),
        ("Say how to install it", {"README.md": "# Toy\n\nMade up.\n\npip install toy\n"}),
        ("Use momentum", code(momentum="0.3")),
        ("Comment on the data", {"src/toy/data.py": f"# Made up.\n{DATA}"}),
        ("Train a little longer", code(steps="24")),
        ("Add a license", {"LICENSE": "MIT\n"}),
    ]
    for subject, files in history:
        commits[subject] = project.commit(files, subject)
    return HiddenLoss(project, commits)
