"""What a run costs as its seeds, its tests and its metrics grow by 10 and by 100.

Two costs of instant tests, each beside the smallest run: the whole run in one process
(``pytest -n 0``, CPU seconds, without what an empty run takes), and what the process that judges
spends on reports of others (see `controller`). Linear is a factor of 10 and 100 or less.
"""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from benchmarks.controller import measured
from benchmarks.simulated_suite import SimulatedSuite

SMALLEST = SimulatedSuite(tests=10, seeds=5, metrics=3)
FACTORS = (1, 10, 100)
TEST = """
import pytest
"""
ONE_TEST = """
@pytest.mark.seeds({seeds})
def test_{number}(mlregress):
    for metric in range({metrics}):
        mlregress.record(f"metric_{{metric}}", 0.9 + 1e-3 * mlregress.seed, higher_is_better=True)
"""


def main() -> None:
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--factors", type=int, nargs="+", default=FACTORS)
    parser.add_argument("--grown", nargs="+", default=["seeds", "tests", "metrics"])
    factors = parser.parse_args().factors
    empty = seconds_of_run(replace(SMALLEST, tests=0))
    print(f"{'':42}{'whole run':>12}{'factor':>8}{'controller':>12}{'factor':>8}")
    for grown in parser.parse_args().grown:
        first: tuple[float, float] | None = None
        for factor in factors:
            suite = replace(SMALLEST, **{grown: factor * getattr(SMALLEST, grown)})
            run = seconds_of_run(suite) - empty
            found = measured(suite)
            judged = found["loop"] + found["end"]
            first = first or (run, judged)
            print(
                f"{grown:8} x {factor:<4}{suite!s:28}{run:10.2f} s{run / first[0]:8.1f}"
                f"{judged:10.2f} s{judged / first[1]:8.1f}"
            )


def seconds_of_run(suite: SimulatedSuite) -> float:
    """CPU seconds of pytest and its children."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "pytest.ini").write_text("[pytest]\n")
        tests = "".join(
            ONE_TEST.format(number=number, seeds=suite.seeds, metrics=suite.metrics)
            for number in range(suite.tests)
        )
        (folder / "test_it.py").write_text(TEST + (tests or "\ndef test_nothing(): pass\n"))
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "pytest_mlregress.plugin",
             "-p", "no:cacheprovider", "--mlregress-missing=warn", "--mlregress-history=off"],
            cwd=folder,
            env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
            check=True,
            stdout=subprocess.DEVNULL,
        )  # fmt: skip
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    main()
