"""What an A/B run costs beside the trainings themselves, as a user runs it.

``python -m benchmarks.against [--tests 20] [--seconds 0.5]`` makes a repository with synthetic
trainings that take a known time on one core, runs ``pytest -n 2 --mlregress-against=main`` in fresh
processes, and prints ratios:

- the overhead of a first run over the two sides' own training time on two workers,
- a second run of the same commits, whose seeds come from the cache,
- the time until the base's worktree is there, from the first run's report.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

WORKERS = 2

MODEL = """\
import time


def train(seed: int, seconds: float) -> float:
    '''Work for that much processor time, whatever else the machine does.'''
    end = time.process_time() + seconds
    state = seed + 1
    while time.process_time() < end:
        for _ in range(2000):
            state = (1103515245 * state + 12345) % 2**31
    value = (seed * 2654435761 % 2**32) / 2**32
    return 0.9 + 0.01 * value
"""

TESTS = """\
import pytest
from package.model import train


@pytest.mark.seeds(5)
@pytest.mark.parametrize("case", range({tests}))
def test_training(mlregress, case):
    mlregress.record(
        "accuracy", train(mlregress.seed + 1000 * case, {seconds}), higher_is_better=True
    )
"""


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tests", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=0.5, help="of processor time per training")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        repository(root, tests=options.tests, seconds=options.seconds)
        first, first_seconds = against_main(root)
        second, second_seconds = against_main(root)
    trained = training_seconds(first)
    ideal = trained / WORKERS
    pairs = sum(test["decided_after"] for test in first["tests"]) / len(first["tests"])
    print(f"{options.tests} tests, {pairs:.2f} pairs a test, {trained:.1f} s of training, -n 2")
    print(f"first run     {first_seconds:6.1f} s = {first_seconds / ideal:.3f} x its training time")
    print(
        f"second run    {second_seconds:6.1f} s = {second_seconds / first_seconds:.3f} x the first,"
        f" {training_seconds(second):.1f} s of training"
    )


def repository(root: Path, *, tests: int, seconds: float) -> None:
    """A repository with one commit, and a change of the working tree that no test reads."""
    package = root / "package"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "model.py").write_text(MODEL)
    (root / "test_training.py").write_text(TESTS.format(tests=tests, seconds=seconds))
    (root / "conftest.py").write_text("")
    (root / "README.md").write_text("A package.\n")
    (root / ".gitignore").write_text("__pycache__/\n.pytest_cache/\nreport.json\n")
    for command in (
        ("init", "-q", "-b", "main"),
        ("add", "-A"),
        ("-c", "user.name=a", "-c", "user.email=a@b.c", "commit", "-q", "-m", "Start"),
    ):
        subprocess.run(("git", "-C", str(root), *command), check=True)
    (root / "README.md").write_text("A package with trainings.\n")


def against_main(root: Path) -> tuple[Mapping[str, Any], float]:
    """The JSON report of a run, and its seconds as a person waits for them."""
    command = [
        *(sys.executable, "-m", "pytest", "-q", "-n", str(WORKERS), "-p", "no:randomly"),
        *("--mlregress-against=main", "--mlregress-report=report.json"),
    ]
    started = time.perf_counter()
    done = subprocess.run(
        command, cwd=root, env=dict(os.environ), capture_output=True, text=True, check=False
    )
    seconds = time.perf_counter() - started
    if done.returncode:
        sys.exit(done.stdout + done.stderr)
    report: Mapping[str, Any] = json.loads((root / "report.json").read_text())
    return report, seconds


def training_seconds(report: Mapping[str, Any]) -> float:
    """Of both sides."""
    return float(report["summary"]["training_seconds"])


if __name__ == "__main__":
    main()
