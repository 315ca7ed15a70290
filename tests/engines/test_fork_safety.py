"""What speaks against a fork, each in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/task").exists(), reason="only Linux lists threads of libraries"
)

ASK = "from pytest_mlregress.engines.fork_safety import reason_against_fork\n"
AND_PRINT = "\nprint(reason_against_fork())"


def answer(code: str, **variables: str) -> str:
    return subprocess.run(
        [sys.executable, "-c", ASK + code + AND_PRINT],
        env={**os.environ, **variables},
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()


def test_nothing_speaks_against_it() -> None:
    assert answer("") == "None"


def test_the_threads_of_openblas_end_before_a_fork() -> None:
    code = "import os, numpy\nprint(len(os.listdir('/proc/self/task')))"
    threads, reason = answer(code, OPENBLAS_NUM_THREADS="2", OMP_NUM_THREADS="2").split()
    assert reason == "None"
    if threads == "1":
        pytest.skip("this numpy starts no threads")


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (
            "import threading, time\n"
            "threading.Thread(target=time.sleep, args=(9,), name='mine', daemon=True).start()",
            "the thread 'mine' was started before the tests",
        ),
        (
            "import _thread, time\n_thread.start_new_thread(time.sleep, (9,))",
            "a library started a thread before the tests",
        ),
        (
            "import sys, types\n"
            "sys.modules['torch'] = types.SimpleNamespace(\n"
            "    cuda=types.SimpleNamespace(is_initialized=lambda: True))",
            "torch.cuda was used before the tests",
        ),
        (
            "import sys, types\n"
            "sys.modules['torch'] = types.SimpleNamespace(backends=types.SimpleNamespace(\n"
            "    mps=types.SimpleNamespace(is_built=lambda: True)))",
            "whether torch has used MPS before the tests cannot be told",
        ),
        (
            "import sys\ndel sys.modules['os'].fork",
            f"{sys.platform} has no fork",
        ),
    ],
)
def test_what_speaks_against_it(code: str, reason: str) -> None:
    assert answer(code) == reason
