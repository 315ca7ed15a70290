"""The line that doubts a baseline, from the green runs that pytest's cache remembers."""

from __future__ import annotations

import json

import pytest
from training_suite import Suite

TRAINING = """
    import os
    import random

    import pytest


    @pytest.mark.seeds(5)
    def test_training(mlregress, seed):
        luck = random.Random(f"{os.environ.get('RUN')} {seed}").gauss(0, 0.01)
        accuracy = float(os.environ.get("MEAN", "0.9")) + luck
        mlregress.record("accuracy", accuracy, higher_is_better=True, margin=0.1)
"""
TEST = "test_training.py::test_training"


@pytest.fixture
def project(suite: Suite) -> Suite:
    suite.write(TRAINING)
    suite.record(RUN="baseline")
    return suite


def doubts(suite: Suite) -> list[str]:
    return [note for note in suite.report["summary"]["notes"] if "baseline looks" in note]


def test_ten_worse_green_runs_speak_against_a_baseline(project: Suite) -> None:
    for run in range(10, 19):
        assert project.run("-n0", MEAN="0.893", RUN=str(run)).ret == 0
        assert doubts(project) == []
    result = project.run("-n0", MEAN="0.893", RUN="19")
    assert result.ret == 0
    (line,) = doubts(project)
    assert line.startswith(f"{TEST}: baseline looks lucky or stale: accuracy is 0.9")
    assert line.endswith(
        " in the last 10 green runs, 34 values; --mlregress-update records it again"
    )
    result.stdout.fnmatch_lines(["*baseline looks lucky or stale: accuracy is 0.9*"])


def test_runs_of_the_same_bits_are_one_run(project: Suite) -> None:
    for _ in range(2):
        assert project.run("-n0", MEAN="0.893", RUN="same").ret == 0
    cache = project.path / ".pytest_cache" / "v" / "mlregress" / "recent"
    (entry,) = json.loads(cache.read_text("utf-8")).values()
    assert len(entry["runs"]) == 1


def test_the_cache_of_an_older_release_is_passed_over(project: Suite) -> None:
    project.run("-n0", MEAN="0.893", RUN="0")
    cache = project.path / ".pytest_cache" / "v" / "mlregress" / "recent"
    content = json.loads(cache.read_text("utf-8"))
    (entry,) = content.values()
    entry["runs"] = [[f"c{number}", 0.8, 5] for number in range(20)]
    cache.write_text(json.dumps(content), encoding="utf-8")
    assert project.run("-n0", MEAN="0.893", RUN="1").ret == 0
    assert doubts(project) == []
