"""What seeds import while they run is imported before the fork in later runs."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from training_suite import Suite

pytestmark = pytest.mark.usefixtures("lean_pytest")

WARM = "--mlregress-workers=2"

PACKAGES = {
    "quick": """
        import quick_parts
        from atexit import register
        register(lambda: open("ends.txt", "a").write("one worker\\n"))
    """,
    "quick_parts": "",
    "noisy": "import warnings\nprint('noisy is there')\nwarnings.warn('noisy is old')\n",
    "threaded": """
        import threading, time
        threading.Thread(target=time.sleep, args=(60,), daemon=True, name="watches").start()
    """,
    "drawing": "import random\nrandom.random()\n",
    "fragile": "import sys\nif not hasattr(sys, 'in_seed'): raise RuntimeError('no seed runs')\n",
    "configured": "import os\nos.environ['BACKEND']\n",
    "ending": "import os, sys\nif not hasattr(sys, 'in_seed'): os._exit(7)\n",
}
SAFE = ["noisy", "quick"]
UNSAFE = ["drawing", "ending", "fragile", "threaded"]

TEST = f"""
import os, random, sys
from pathlib import Path
import pytest

NAMES = {sorted(SAFE + UNSAFE)}


@pytest.mark.seeds(4)
def test_late(mlregress):
    early = [name for name in NAMES if name in sys.modules]
    sys.in_seed = True
    import first_party
    import drawing, ending, fragile, noisy, quick, threaded
    os.environ["BACKEND"] = "torch"
    import configured
    with open("seen.txt", "a") as file:
        file.write(f"{{os.getpid()}} {{mlregress.seed}} {{','.join(early)}} {{random.random()}}\\n")
    mlregress.record("value", random.random(), higher_is_better=True)
"""


@pytest.fixture
def packages(suite: Suite) -> Suite:
    suite.configure(ini="pythonpath = . site-packages")
    installed = suite.path / "site-packages"
    installed.mkdir()
    for name, text in PACKAGES.items():
        lines = [line.strip() for line in text.strip().splitlines()]
        (installed / f"{name}.py").write_text("\n".join(lines) + "\n")
    suite.write("", "first_party.py")
    suite.write(TEST, "test_late.py")
    return suite


def run(suite: Suite) -> tuple[pytest.RunResult, dict[int, tuple[int, str, str]]]:
    """A run, and of each seed its process, what it found imported, and a random number."""
    seen = suite.path / "seen.txt"
    seen.unlink(missing_ok=True)
    options = ("--mlregress-update", "--mlregress-allow-dirty", "--mlregress-baseline-seeds=4")
    result = suite.run(WARM, *options, apart=True)
    lines = [line.split(" ") for line in seen.read_text().splitlines()]
    return result, {
        int(seed): (int(process), early, number) for process, seed, early, number in lines
    }


def remembered(suite: Suite) -> dict[str, object]:
    stored: dict[str, object] = json.loads(
        Path(suite.path, ".pytest_cache/v/mlregress/imports").read_text()
    )
    return stored


def values(suite: Suite) -> object:
    (file,) = (suite.path / "__baselines__").rglob("*.json")
    return json.loads(file.read_text())["metrics"]


def test_later_runs_import_before_the_fork_what_may_be(packages: Suite) -> None:
    first, seeds = run(packages)
    first.assert_outcomes(passed=1)
    assert sum(early == "" for _, early, _ in seeds.values()) == 2  # the first one of each worker
    recorded = values(packages)
    (entry,) = remembered(packages)["files"].values()  # type: ignore[attr-defined]
    assert set(entry[1]) - {"xdist.remote"} == {*SAFE, *UNSAFE}
    for _ in range(2):
        later, again = run(packages)
        later.assert_outcomes(passed=1)
        for process in {process for process, _, _ in again.values()}:
            found = [early for each, early, _ in again.values() if each == process]
            assert min(found, key=len) == ",".join(SAFE)
        assert {seed: number for seed, (_, _, number) in again.items()} == {
            seed: number for seed, (_, _, number) in seeds.items()
        }
        assert values(packages) == recorded
        assert sorted(remembered(packages)["left_out"]) == UNSAFE  # type: ignore[call-overload]
        for text in ("noisy is there", "noisy is old"):
            assert count(later, text) == count(first, text)
    ends = (packages.path / "ends.txt").read_text().splitlines()
    assert len(ends) == 3 * 2  # those of both workers, imported early or not


def count(result: pytest.RunResult, text: str) -> int:
    return sum(text in line for line in result.outlines + result.errlines)


SLOW = """
import os, sys, time
if not hasattr(sys, "in_seed"):
    with open("importing.part", "w") as file:
        file.write(str(os.getpid()))
    os.rename("importing.part", "importing.txt")
    time.sleep(600)
"""

IMPORTS_SLOWLY = """
import sys, pytest


@pytest.mark.seeds(2)
def test_slow(mlregress):
    sys.in_seed = True
    import slow
    mlregress.record("value", 1.0 + mlregress.seed, higher_is_better=True)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_an_import_ends_with_the_run(suite: Suite, number: signal.Signals) -> None:
    suite.configure(ini="pythonpath = . site-packages", baseline_seeds=2)
    suite.write(SLOW, "site-packages/slow.py")
    suite.write(IMPORTS_SLOWLY, "test_slow.py")
    options = (WARM, "--mlregress-update", "--mlregress-allow-dirty")
    suite.run(*options, apart=True).assert_outcomes(passed=1)
    with subprocess.Popen(
        [sys.executable, "-m", "pytest", *options], cwd=suite.path, stdout=subprocess.DEVNULL
    ) as run:
        told = suite.path / "importing.txt"
        wait_until(told.exists)
        run.send_signal(number)
    process = int(told.read_text())
    wait_until(lambda: not is_alive(process))


def wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def is_alive(process: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
