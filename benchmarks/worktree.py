"""How long the base's checkout of a small repository takes, beside a plain `git worktree add`.

Run ``python -m benchmarks.worktree``. It prints seconds and, because machines differ, the ratio of
each to the plain command in the same round. A new checkout should be ready within 0.2 s.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from benchmarks.timing import median_ratio
from pytest_mlregress.revisions.against import parse_against
from pytest_mlregress.revisions.worktree import prepare_checkout

IDENTITY = ("-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "commit.gpgsign=false")
PLAIN, NEW, KEPT = "git worktree add", "a new checkout", "a kept checkout"


def run_git(top: Path, *arguments: str) -> None:
    subprocess.run(["git", "-C", os.fspath(top), *IDENTITY, *arguments], check=True)


def build_repository(top: Path, modules: int) -> None:
    """A package and its tests on ``main``, and a branch that changes one of each."""
    for folder in ("src/package", "tests", "data"):
        (top / folder).mkdir(parents=True)
    for number in range(modules):
        (top / f"src/package/module_{number}.py").write_text(f"WIDTH = {number}\n" * 50)
        (top / f"tests/test_module_{number}.py").write_text(f"def test_{number}():\n    pass\n")
    (top / ".gitignore").write_text("/data/\n/cache/\n")
    (top / "data" / "points.csv").write_text("1,2\n")
    run_git(top, "init", "--quiet", "--initial-branch=main")
    run_git(top, "add", ".")
    run_git(top, "commit", "--quiet", "--message=First")
    run_git(top, "checkout", "--quiet", "-b", "idea")
    (top / "src/package/module_0.py").write_text("WIDTH = 99\n")
    (top / "tests/test_module_0.py").write_text("def test_0():\n    assert True\n")
    run_git(top, "commit", "--quiet", "--all", "--message=Second")


def measure(top: Path, repetitions: int) -> dict[str, list[float]]:
    """Seconds of each way to get the base's checkout, in turn; its removal is not timed."""
    seconds: dict[str, list[float]] = {PLAIN: [], NEW: [], KEPT: []}
    for _ in range(repetitions + 1):
        plain = Path(f"{top}-plain")
        started = time.perf_counter()
        run_git(top, "worktree", "add", "--quiet", "--detach", os.fspath(plain), "main")
        seconds[PLAIN].append(time.perf_counter() - started)
        run_git(top, "worktree", "remove", "--force", os.fspath(plain))
        for name in (NEW, KEPT):
            started = time.perf_counter()
            checkout = prepare_checkout(
                top,
                parse_against("--mlregress-against", "main"),
                place=top / "cache",
                test_patterns=("test_*.py",),
                test_folders=(Path("tests"),),
            )
            seconds[name].append(time.perf_counter() - started)
            checkout.release(keep=name == NEW)
    return {name: values[1:] for name, values in seconds.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--modules", type=int, default=40, help="modules, each with a test file")
    parser.add_argument("--repetitions", type=int, default=15)
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="mlregress-benchmark-"))
    try:
        build_repository(folder / "project", arguments.modules)
        seconds = measure(folder / "project", arguments.repetitions)
    finally:
        shutil.rmtree(folder)
    print(f"{2 * arguments.modules} files, median of {arguments.repetitions} rounds")
    for name, values in seconds.items():
        ratio = median_ratio(values, seconds[PLAIN])
        print(f"{name:<18} {statistics.median(values):6.3f} s   {ratio:4.1f} x {PLAIN}")


if __name__ == "__main__":
    main()
