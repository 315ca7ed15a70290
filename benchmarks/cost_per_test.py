"""What a test costs beside plain ``parametrize`` over the same seeds, in CPU time of one run.

Instant tests, five seeds each: with the plugin each records three metrics and has its verdict,
without it each compares three numbers with a threshold. Three states of the plugin's suite:

- new: no baseline is recorded yet, every test runs with ``--mlregress-update`` left out and fails;
- same: every value equals that of its baseline;
- moved: values differ from the baseline by noise, and statistics decide (all seeds run).

Aim: at most 2 x for 800 tests, and the same ratio for 80 and 8,000 (``--tests``). Every other
plugin is left out. Alternated rounds, the median of the ratios within a round.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks.startup import WITH, WITHOUT, commit
from benchmarks.timing import median_ratio

SEEDS = 5
TESTS_IN_A_FILE = 100

HEADER = """
import random

import pytest

MOVED = {moved}


def values(seed):
    numbers = random.Random(seed)
    return [numbers.gauss(0.9, 0.01) + MOVED * numbers.gauss(0, 0.01) for _ in range(3)]
"""

USED = f"""

@pytest.mark.seeds({SEEDS})
def test_{{number}}(mlregress):
    accuracy, f1, auc = values(mlregress.seed + 1000 * {{number}})
    mlregress.record("accuracy", accuracy, higher_is_better=True)
    mlregress.record("f1", f1, higher_is_better=True)
    mlregress.record("auc", auc, higher_is_better=True)
"""

PLAIN = f"""

@pytest.mark.parametrize("seed", range({SEEDS}))
def test_{{number}}(seed):
    accuracy, f1, auc = values(seed + 1000 * {{number}})
    assert accuracy > 0.5
    assert f1 > 0.5
    assert auc > 0.5
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tests", type=int, nargs="*", default=[80, 800])
    parser.add_argument("--repetitions", type=int, default=3)
    options = parser.parse_args()
    print(f"load of the machine: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    print(f"CPU beside plain parametrize, {SEEDS} seeds and 3 metrics a test")
    for tests in options.tests:
        with tempfile.TemporaryDirectory() as name:
            measure(Path(name), tests, options.repetitions)


def measure(folder: Path, tests: int, repetitions: int) -> None:
    suites = {state: folder / state for state in ("new", "same", "moved")}
    for state, suite in suites.items():
        write(suite, USED, tests)
        commit(suite)
        if state != "new":
            run_pytest(suite, *WITH, "--mlregress-update")
            if state == "moved":
                write(suite, USED, tests, moved=1)
            commit(suite)
    write(folder / "plain", PLAIN, tests)
    write(folder / "empty", PLAIN, 1)
    ways: dict[str, Callable[[], float]] = {
        "plain": lambda: run_pytest(folder / "plain", *WITHOUT),
        **{
            state: lambda suite=suite: run_pytest(suite, *WITH)  # type: ignore[misc]
            for state, suite in suites.items()
        },
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(repetitions):
        for name, way in ways.items():
            seconds[name].append(way())
    for name, values in seconds.items():
        ratio = median_ratio(values, seconds["plain"])
        each = 1e3 * statistics.median(values) / tests
        print(
            f"  {tests:5} tests, {name:5}: {ratio:5.2f} x {statistics.median(values):7.2f} s "
            f"{each:7.2f} ms a test   ({'' if name == 'plain' else 'aim: 2 x'})"
        )


def write(suite: Path, test: str, tests: int, moved: int = 0) -> None:
    suite.mkdir(exist_ok=True)
    (suite / ".gitignore").write_text("bytecode/\n__pycache__/\n.pytest_cache/\n.mlregress/\n")
    (suite / "pytest.ini").write_text("[pytest]\n")
    for first in range(0, tests, TESTS_IN_A_FILE):
        numbers = range(first, min(first + TESTS_IN_A_FILE, tests))
        text = HEADER.format(moved=moved) + "".join(test.format(number=n) for n in numbers)
        (suite / f"test_{first}.py").write_text(text)


def run_pytest(suite: Path, *arguments: str) -> float:
    """CPU seconds of a run in a suite; one whose tests fail counts like any other."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *arguments],
        cwd=suite,
        env={
            **os.environ,
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "PYTHONDONTWRITEBYTECODE": "",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode not in (0, 1):
        raise RuntimeError(f"exited with {done.returncode}:\n{done.stdout}{done.stderr}")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    main()
