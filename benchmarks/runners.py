"""The same trainings of the same seeds by six runners, on the three examples.

- plugin: `pytest --mlregress-workers=2`, and `pytest -n 2`, each of one test with its seeds
- parametrize: `@pytest.mark.parametrize("seed", ...)` under `pytest -n 2`, without the plugin
- pytest-repeat: `pytest --count=... -n 2`, where the number of the repetition is the seed
- joblib: a script with `Parallel(n_jobs=2)`
- shell: a loop that starts one pytest per seed, two at the same time

All have two processes with one thread each, start from nothing, import what they need, and check
that each training gave a finite number. They run in turns; printed are the medians, and the medians
of the ratios to the first within the rounds. A way whose package is not installed is left out.
"""

import argparse
import importlib.util
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from benchmarks.timing import REPOSITORY, alternate, median_ratio

PROCESSES = 2


@dataclass(frozen=True)
class Example:
    """One training: what it imports, and an expression of ``seed`` and ``size``."""

    folder: str
    module: str
    value: str
    size: int


EXAMPLES = {
    "digits_cnn": Example(
        "digits_cnn",
        "digits",
        "digits.evaluate(digits.train(digits.load(), seed=seed, epochs=size), digits.load())[0]",
        6,
    ),
    "char_lm": Example(
        "char_lm",
        "language_model as lm",
        "lm.bits_per_character(lm.train(lm.load(), seed=seed, steps=size), lm.load())",
        100,
    ),
    "sklearn_model": Example(
        "sklearn_model",
        "breast_cancer as bc",
        "bc.evaluate(bc.train(bc.load(), seed=seed, max_depth=size), bc.load())[0]",
        3,
    ),
}

TEST = """
import math
import os
import pytest
import {module}

def train(seed, size={size}):
    return float({value})
"""
OF_PLUGIN = """
@pytest.mark.seeds({seeds})
def test_it(mlregress):
    mlregress.record("value", train(mlregress.seed), higher_is_better=True)
"""
PARAMETRIZED = """
@pytest.mark.parametrize("seed", range({seeds}))
def test_it(seed):
    assert math.isfinite(train(seed))
"""
REPEATED = """
def test_it(__pytest_repeat_step_number):
    assert math.isfinite(train(__pytest_repeat_step_number))
"""
OF_SHELL = """
def test_it():
    assert math.isfinite(train(int(os.environ["SEED"])))
"""
SCRIPT = """
import math
from joblib import Parallel, delayed
import {module}

def train(seed, size={size}):
    return float({value})

if __name__ == "__main__":
    values = Parallel(n_jobs={processes})(delayed(train)(seed) for seed in range({seeds}))
    assert all(map(math.isfinite, values))
"""


def main() -> None:
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--examples", nargs="+", choices=EXAMPLES, default=list(EXAMPLES))
    options = parser.parse_args()
    print(
        f"{options.seeds} seeds, {PROCESSES} processes with one thread each on {os.cpu_count()} "
        f"cores, load {os.getloadavg()[0]:.1f}; median of {options.repetitions} rounds, in turns"
    )
    for way, (module, package) in NEEDED.items():
        if importlib.util.find_spec(module) is None:
            install = f"python -m pip install --constraint constraints.txt {package}"
            print(f"left out, since {package} is not installed: {way} ({install})")
    for name in options.examples:
        measure(name, EXAMPLES[name], options.seeds, options.repetitions)


def measure(name: str, example: Example, seeds: int, repetitions: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        write(place, example, seeds)
        ways = {
            "plugin, forked": partial(
                run_pytest, place, example, "test_plugin.py", "--mlregress-workers=2", *RECORDED
            ),
            "plugin, -n 2": partial(run_pytest, place, example, "test_plugin.py", "-n2", *RECORDED),
            "parametrize, -n 2": partial(
                run_pytest, place, example, "test_parametrized.py", "-n2", *WITHOUT
            ),
            "pytest-repeat, -n 2": partial(
                run_pytest, place, example, "test_repeated.py", f"--count={seeds}", "-n2", *WITHOUT
            ),
            "joblib": partial(run, place, example, [sys.executable, "script.py"]),
            "shell loop": partial(run_shell, place, example, seeds),
        }
        for way, (module, _) in NEEDED.items():
            if importlib.util.find_spec(module) is None:
                del ways[way]
        seconds = alternate(ways, repetitions)
    print(name)
    first, *_ = seconds.values()
    for way, values in seconds.items():
        ratio = median_ratio(values, first)
        print(f"  {way:20} {statistics.median(values):7.1f} s   {ratio:5.2f} x")


NEEDED = {
    "pytest-repeat, -n 2": ("pytest_repeat", "pytest-repeat"),
    "joblib": ("joblib", "joblib"),
}
"""The module and the package that a way needs beyond those of the tests."""

RECORDED = ("--mlregress-missing=warn", "--mlregress-history=off")
WITHOUT = ("-p", "no:mlregress")


def write(folder: Path, example: Example, seeds: int) -> None:
    (folder / "pytest.ini").write_text("[pytest]\n")
    names = {
        "module": example.module,
        "size": example.size,
        "value": example.value,
        "seeds": seeds,
        "processes": PROCESSES,
    }
    for name, test in (
        ("test_plugin", TEST + OF_PLUGIN),
        ("test_parametrized", TEST + PARAMETRIZED),
        ("test_repeated", TEST + REPEATED),
        ("test_shell", TEST + OF_SHELL),
        ("script", SCRIPT),
    ):
        (folder / f"{name}.py").write_text(test.format(**names))


def run_pytest(folder: Path, example: Example, *arguments: str) -> None:
    run(folder, example, [sys.executable, "-m", "pytest", "-q", *PLUGINS, *arguments])


PLUGINS = ("-p", "no:cacheprovider", "-p", "no:randomly")


def run_shell(folder: Path, example: Example, seeds: int) -> None:
    """As `seq 0 7 | xargs -P 2 -I {} env SEED={} pytest test_shell.py` does."""
    command = [sys.executable, "-m", "pytest", "-q", *PLUGINS, *WITHOUT, "test_shell.py"]
    words = ["xargs", f"-P{PROCESSES}", "-I{}", "env", "SEED={}", *command]
    numbers = "".join(f"{seed}\n" for seed in range(seeds))
    run(folder, example, words, stdin=numbers)


def run(folder: Path, example: Example, command: list[str], stdin: str = "") -> None:
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment(example),
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"{command} exited with {done.returncode}:\n{done.stdout}{done.stderr}")


def environment(example: Example) -> Mapping[str, str]:
    """One thread for every process, by the variables that they all read."""
    threads = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
    code = str(REPOSITORY / "examples" / example.folder)
    path = os.pathsep.join([code, os.environ.get("PYTHONPATH", "")])
    return {**os.environ, **threads, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": ""}


if __name__ == "__main__":
    main()
