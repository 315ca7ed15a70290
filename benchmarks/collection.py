"""What collecting costs: 2,000 tests in 20 files, each with 5 seeds, beside plain pytest.

Plain is the same functions parametrized over the same seeds, without the plugin. Both are collected
twice: as `--collect-only -q` prints them, and as a run does before its first item. In turns, in CPU
time; the median of the ratios within the rounds. Aim: at most 1.20.

A run loads its statistics before its first seed, and its start takes more than plain pytest's. So
the ratio is printed once more without the start, which is what a suite of one test takes.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.timing import median_ratio

FILES = 20
SEEDS = 5

OURS = """
import pytest

{tests}
"""
OUR_TEST = """
@pytest.mark.seeds({seeds})
def test_{number}(mlregress):
    mlregress.record("accuracy", 0.9, higher_is_better=True)
"""
PLAIN_TEST = """
@pytest.mark.parametrize("seed", range({seeds}), ids="seed{{}}".format)
def test_{number}(seed, record_property):
    record_property("accuracy", 0.9)
"""
COLLECT_ALONE = """
import pytest

@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session):
    print(f"\\n{len(session.items)} items")
    return True
"""
WAYS = {"--collect-only -q": ("--collect-only", "-q"), "before a run": ("-p", "collect_alone")}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tests", type=int, default=2_000)
    parser.add_argument("--repetitions", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "collect_alone.py").write_text(COLLECT_ALONE)
        for side, test in (("ours", OUR_TEST), ("plain", PLAIN_TEST)):
            write(folder / side, test, options.tests)
            write(folder / f"{side}_start", test, 1)
        print(f"{options.tests:,} tests x {SEEDS} seeds, median of {options.repetitions} rounds")
        for way, arguments in WAYS.items():
            measure(folder, way, arguments, options.repetitions)


def write(folder: Path, test: str, tests: int) -> None:
    folder.mkdir()
    (folder / "pytest.ini").write_text("[pytest]\n")
    for file in range(FILES):
        numbers = range(file * tests // FILES, (file + 1) * tests // FILES)
        text = "\n".join(test.format(number=number, seeds=SEEDS) for number in numbers)
        (folder / f"test_{file:02}.py").write_text(OURS.format(tests=text))


def measure(folder: Path, way: str, arguments: tuple[str, ...], repetitions: int) -> None:
    suites = ("ours", "ours_start", "plain", "plain_start")
    seconds: dict[str, list[float]] = {suite: [] for suite in suites}
    for _ in range(repetitions + 1):  # the first one writes bytecode
        for suite, values in seconds.items():
            plugin = ("-p", "pytest_mlregress.plugin") if suite.startswith("ours") else ()
            values.append(cpu_of(folder, suite, *plugin, *arguments))
    ours, ours_start, plain, plain_start = (values[1:] for values in seconds.values())
    without_start = median_ratio(
        [a - b for a, b in zip(ours, ours_start, strict=True)],
        [a - b for a, b in zip(plain, plain_start, strict=True)],
    )
    print(
        f"  {way:18} {statistics.median(ours):6.2f} s, plain {statistics.median(plain):6.2f} s: "
        f"{median_ratio(ours, plain):5.2f} x, without the start {without_start:5.2f} x   "
        "(aim: at most 1.20)"
    )


def cpu_of(folder: Path, suite: str, *arguments: str) -> float:
    """Seconds of CPU of pytest in a folder, with no plugin but those that are named."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *arguments],
        cwd=folder / suite,
        env={
            **os.environ,
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "PYTHONDONTWRITEBYTECODE": "",
            "PYTHONPATH": os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")]),
        },
        check=True,
        stdout=subprocess.DEVNULL,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    main()
