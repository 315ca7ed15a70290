"""Ctrl-C as a terminal sends it: to pytest and its workers at once, as often as it is typed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest
from baseline_files import files_of
from training_suite import TRAINING, Suite

SLOW = TRAINING.replace(
    "accuracy = ",
    "open('began', 'w').close()\n        __import__('time').sleep(60)\n        accuracy = ",
)


@pytest.mark.slow
def test_ctrl_c_in_the_first_step_ends_the_run_in_order(recorded: Suite, workers: str) -> None:
    recorded.write(SLOW)
    before = files_of(recorded)
    run = subprocess.Popen(
        [sys.executable, "-m", "pytest", workers],
        cwd=recorded.path,
        env={**os.environ, "COLUMNS": "80"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        preexec_fn=_heed_interrupts,
    )
    limit = time.monotonic() + 120
    while not (recorded.path / "began").exists() and time.monotonic() < limit:
        time.sleep(0.05)
    for _ in range(3):
        os.killpg(run.pid, signal.SIGINT)
        time.sleep(0.03)  # while the run ends, not while Python does
    output, _ = run.communicate(timeout=120)

    assert run.returncode == pytest.ExitCode.INTERRUPTED
    assert "Traceback" not in output
    text = " ".join(output.split())
    assert "note: the run ended before 1 of 1 test had a verdict" in text
    assert "to run what is left: pytest test_training.py::test_training" in text
    assert files_of(recorded) == before


def _heed_interrupts() -> None:
    """A job in the background of a shell ignores interrupts, and so would what it starts."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
