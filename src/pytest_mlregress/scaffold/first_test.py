"""A first regression test, of the library that the repository uses."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from importlib.util import find_spec
from pathlib import Path
from typing import Final, Literal, TypeAlias

from pytest_mlregress.scaffold.ini_keys import words_of
from pytest_mlregress.scaffold.plan import Step, new_file

Library: TypeAlias = Literal["torch", "sklearn", "none"]

_HEAD: Final = '''\
"""A first regression test: trained once per seed, compared with a recorded baseline.

Replace the training by a call of yours{where}.
It should take seconds, or minutes at most. A check of a pull request runs this file
on both sides: what it calls is what is compared.
"""

'''

_TORCH: Final = """\
import pytest
import torch
from torch import nn


@pytest.mark.seeds(5)  # at most 5 trainings per check
def test_training_loss(mlregress):
    # Every generator is seeded with `mlregress.seed` already: data, weights and batches differ.
    inputs = torch.randn(256, 8)
    targets = inputs.sum(dim=1, keepdim=True) + 0.1 * torch.randn(256, 1)
    model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 1))
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for step in range(100):
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(inputs), targets)
        loss.backward()
        optimizer.step()
        mlregress.log(step, loss=loss.item())
    mlregress.record("loss", loss.item(), higher_is_better=False)
"""

_SKLEARN: Final = """\
import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split


@pytest.mark.seeds(5)  # at most 5 trainings per check
def test_training_accuracy(mlregress):
    inputs, labels = load_digits(return_X_y=True)
    # Another split per seed: without one, every seed would train the same model.
    train, held_out, train_labels, held_out_labels = train_test_split(
        inputs / 16, labels, test_size=0.3, random_state=mlregress.seed
    )
    model = LogisticRegression(max_iter=100).fit(train, train_labels)
    accuracy = model.score(held_out, held_out_labels)
    mlregress.record("accuracy", accuracy, higher_is_better=True)
"""

_NONE: Final = """\
import random

import pytest


@pytest.mark.seeds(5)  # at most 5 trainings per check
def test_training_error(mlregress):
    # Every generator is seeded with `mlregress.seed` already: the data differ from seed to seed.
    weight = 0.0
    for step in range(200):
        x = random.uniform(-1, 1)
        y = 3 * x + random.gauss(0, 0.1)
        weight += 0.1 * (y - weight * x) * x
        mlregress.log(step, weight=weight)
    mlregress.record("error", abs(weight - 3), higher_is_better=False)
"""

_TEXTS: Final = {"torch": _TORCH, "sklearn": _SKLEARN, "none": _NONE}
_NAME: Final = "regression_of_training"
_USUAL_FILES: Final = ("test_*.py", "*_test.py")
_MOST_FILES: Final = 2_000
_NOT_CODE: Final = frozenset({".git", ".venv", "venv", "node_modules", "build", "dist", ".tox"})
_USES: Final = {
    "torch": re.compile(r"^\s*(?:import|from) torch\b", re.MULTILINE),
    "sklearn": re.compile(r"^\s*(?:import|from) sklearn\b", re.MULTILINE),
}
_REGRESSION_TEST: Final = re.compile(r"\bmlregress\.record\(|\bmark\.(?:seeds|tiers|mlregress)\b")


def first_test_step(root: Path) -> Step:
    """A test file in the folder of tests, unless the suite has a regression test.

    Args:
        root: the folder in which pytest starts.

    Returns:
        The step.
    """
    files = list(_python_files(root))
    patterns = words_of(root, "python_files") or _USUAL_FILES
    for file, text in files:
        named = any(fnmatchcase(file.name, pattern) for pattern in patterns)
        if named and _REGRESSION_TEST.search(text):
            return Step(file, "keep", "is a regression test already")
    library = _library([text for _, text in files])
    package = package_name(root)
    where = f" in `{package}`" if package else ""
    text = _HEAD.format(where=where) + _TEXTS[library]
    uses = {"torch": ", with torch", "sklearn": ", with scikit-learn", "none": ""}[library]
    return new_file(_folder(root) / _file_name(patterns), text, f"a first regression test{uses}")


def package_name(root: Path) -> str | None:
    """The package of the repository: under `src`, or beside the tests.

    Args:
        root: the folder in which pytest starts.

    Returns:
        Its name; None where there is none, or more than one.
    """
    for folder in (root / "src", root):
        found = sorted(
            path.parent.name
            for path in folder.glob("*/__init__.py")
            if path.parent.name not in ("tests", "test", "docs", "examples")
        )
        if found:
            return found[0] if len(found) == 1 else None
    return None


def _file_name(patterns: Sequence[str]) -> str:
    """A name that pytest collects."""
    name = f"test_{_NAME}.py"
    if any(fnmatchcase(name, pattern) for pattern in patterns):
        return name
    fitted = [pattern.replace("*", _NAME, 1) for pattern in patterns]
    return next((one for one in fitted if re.fullmatch(r"[\w-]+\.py", one)), name)


def _folder(root: Path) -> Path:
    named = [root / path for path in words_of(root, "testpaths")]
    usual = [root / name for name in ("tests", "test")]
    existing = (path for path in (*named, *usual) if path.is_dir())
    return next(existing, named[0] if named and "*" not in named[0].name else root / "tests")


def _library(texts: list[str]) -> Library:
    """The one that the code uses and that can be imported here."""
    for name in ("torch", "sklearn"):
        if any(_USES[name].search(text) for text in texts) and find_spec(name) is not None:
            return "torch" if name == "torch" else "sklearn"
    return "none"


def _python_files(root: Path) -> Iterator[tuple[Path, str]]:
    folders, count = [root], 0
    while folders:
        try:
            entries = sorted(folders.pop().iterdir())
        except OSError:
            continue
        for entry in entries:
            if entry.is_dir():
                hidden = entry.name.startswith(".") or entry.name in _NOT_CODE
                if not hidden and not entry.is_symlink() and not (entry / "pyvenv.cfg").exists():
                    folders.append(entry)
            elif entry.suffix == ".py" and count < _MOST_FILES:
                count += 1
                try:
                    yield entry, entry.read_text(encoding="utf-8", errors="replace")
                except OSError:
                    continue
