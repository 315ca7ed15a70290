"""A whole update run killed at any moment leaves old or new baselines, never half of one."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from baseline_files import files_of
from training_suite import Suite

UPDATE = ("--mlregress-update", "--mlregress-allow-dirty", "--mlregress-baseline-seeds=5")
ROUNDS = 12
TESTS = 6
MANY = f"""
    import os
    import random

    import pytest


    @pytest.mark.seeds(5)
    @pytest.mark.parametrize("k", range({TESTS}))
    def test_training(mlregress, k):
        value = random.gauss(0.9, 0.01) + float(os.environ.get("GAIN", "0"))
        mlregress.record("accuracy", value, higher_is_better=True)
        mlregress.log_params({{"gain": os.environ.get("GAIN", "0"), "ballast": "x" * 10_000}})
"""


def killed_update(folder: Path, workers: str, gain: str, after: float) -> None:
    """Start an update, and kill it and its workers after that many seconds."""
    process = subprocess.Popen(
        [sys.executable, "-m", "pytest", "-q", workers, *UPDATE],
        cwd=folder,
        env={**os.environ, "GAIN": gain},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        process.wait(after)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def gains(suite: Suite) -> list[str]:
    """The gain that each baseline was recorded with: every file parses, and agrees with itself."""
    found = []
    for name, content in files_of(suite).items():
        if not name.endswith(".json"):
            continue  # a temporary file of the killed writer
        document = json.loads(content)
        values = document["metrics"]["accuracy"]["values"].values()
        gain = document["params"]["gain"]
        assert abs(sum(values) / len(values) - 0.9 - float(gain)) < 0.05
        found.append(gain)
    return found


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "killpg"), reason="there are no process groups here")
def test_old_or_new_after_every_kill(suite: Suite, workers: str) -> None:
    suite.write(MANY)
    start = time.perf_counter()
    assert suite.run(workers, *UPDATE, apart=True).ret == 0
    whole = time.perf_counter() - start
    draws = random.Random(workers)
    possible = {"0"}
    for step in range(1, ROUNDS + 1):
        possible.add(gain := str(step))
        # Half of the kills aim at the end of the run, where the files are written.
        share = draws.uniform(0.0, 1.1) if step % 2 else draws.uniform(0.6, 1.0)
        killed_update(suite.path, workers, gain, share * whole)
        left = gains(suite)
        assert len(left) == TESTS
        assert set(left) <= possible
    assert suite.run(workers, *UPDATE, GAIN="99").ret == 0
    assert set(gains(suite)) == {"99"}
    assert suite.run(workers, GAIN="99").ret == 0
    assert set(suite.verdicts.values()) == {"identical"}
