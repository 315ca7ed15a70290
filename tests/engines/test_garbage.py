"""Garbage around a fork."""

from __future__ import annotations

import gc
import subprocess
import sys
from pathlib import Path

SUITE = """
import gc, os, pytest

FILE = open("written.txt", "w")
FILE.write("before\\n")
IMPORTING = gc.get_threshold()


class Kept:
    def __del__(self):
        print("released", file=open("released.txt", "a"))


cycle = [Kept()]
cycle.append(cycle)
del cycle


@pytest.mark.seeds(2)
def test_seeds(mlregress):
    FILE.write(f"{mlregress.seed} {gc.get_threshold() == IMPORTING} {gc.get_freeze_count() > 0}\\n")
    mlregress.record("a", 1.0 + mlregress.seed, higher_is_better=True)
"""

MAIN = """
import gc, sys
import pytest

before = gc.get_threshold(), gc.get_freeze_count()
status = pytest.main([*sys.argv[1:]])
assert (gc.get_threshold(), gc.get_freeze_count()) == before
sys.exit(status)
"""


def test_what_exists_at_the_fork_is_left_out_of_collections_and_is_not_lost(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(SUITE)
    (tmp_path / "main.py").write_text(MAIN)
    options = ("--mlregress-update", "--mlregress-allow-dirty", "--mlregress-baseline-seeds=2")
    done = subprocess.run(
        [sys.executable, "main.py", "-q", "-p", "no:randomly", "--mlregress-workers=2", *options],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    lines = (tmp_path / "written.txt").read_text().splitlines()
    assert sorted(lines) == ["0 False True", "1 False True", "before"]
    assert (tmp_path / "released.txt").read_text() == "released\n"
    assert gc.get_freeze_count() == 0
