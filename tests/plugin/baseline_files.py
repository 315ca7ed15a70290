"""The baseline files of a suite, as a user and git see them."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from training_suite import Suite

from pytest_mlregress.baselines.json_text import dumps, loads

TEST = "test_training.py::test_training"
FILE = "__baselines__/test_training/test_training.default.json"


def files_of(suite: Suite) -> dict[str, bytes]:
    """Everything in the suite's `__baselines__` folders, by path; temporary files too."""
    return {
        path.relative_to(suite.path).as_posix(): path.read_bytes()
        for path in sorted(suite.path.rglob("__baselines__/**/*"))
        if path.is_file()
    }


def document(suite: Suite, file: str = FILE) -> dict[str, Any]:
    """One baseline file, parsed."""
    content: dict[str, Any] = json.loads((suite.path / file).read_bytes())
    return content


def doctor(suite: Suite, change: Callable[[dict[str, Any]], object], file: str = FILE) -> None:
    """Change one baseline file as if it had been recorded so, and commit it."""
    content = document(suite, file)
    change(content)
    path = suite.path / file
    path.write_text(dumps(loads(json.dumps(content), source=file)), encoding="utf-8")
    suite.commit()


def git(folder: Path, *arguments: str) -> str:
    """What git prints there."""
    done = subprocess.run(
        ["git", "-C", str(folder), *arguments], check=True, capture_output=True, text=True
    )
    return done.stdout.strip()
