"""What an instant seed costs on a Ray cluster of this machine, beside pytest-xdist.

Runs many tests of five instant seeds, and a few of them, with ``-n 2`` and with two workers of Ray.
The milliseconds of a seed are the difference of both runs by the difference of their seeds: the
start-up is in neither.
"""

import argparse
import os
import tempfile
import time
from pathlib import Path

from benchmarks.timing import run_pytest

SEEDS = 5
FEW = 2
ENGINES = {
    "-n 2": ("-n2",),
    "Ray, 2 workers": ("--mlregress-engine=ray", "--mlregress-workers=2"),
}

SUITE = """
import pytest

@pytest.mark.parametrize("number", range({tests}))
@pytest.mark.seeds({seeds})
def test_instant(mlregress, number, seed):
    mlregress.record("x", 1.0 + seed / 100, higher_is_better=True)
"""


def seconds(arguments: tuple[str, ...], tests: int) -> float:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "test_instant.py").write_text(SUITE.format(tests=tests, seeds=SEEDS))
        began = time.perf_counter()
        run_pytest(
            folder,
            *("-q", "-p", "pytest_mlregress.plugin", "-p", "xdist", "--mlregress-missing=warn"),
            *("--mlregress-stop=never", "--mlregress-history=off", *arguments),
            PYTEST_DISABLE_PLUGIN_AUTOLOAD="1",
            PYTHONPATH=os.environ.get("PYTHONPATH", ""),
        )
        return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tests", type=int, default=200)
    tests: int = parser.parse_args().tests
    for name, arguments in ENGINES.items():
        few, many = seconds(arguments, FEW), seconds(arguments, tests)
        each = (many - few) / ((tests - FEW) * SEEDS)
        print(
            f"{name:16} {tests * SEEDS} seeds {many:6.1f} s, {FEW * SEEDS} seeds {few:5.1f} s, "
            f"{1000 * each:5.1f} ms a seed"
        )


if __name__ == "__main__":
    main()
