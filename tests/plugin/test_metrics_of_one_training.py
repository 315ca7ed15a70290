"""A training with several metrics that say the same: red together, where each alone is not."""

from __future__ import annotations

import pytest
from training_suite import Suite

TRAINING = """
    import os
    import random

    import pytest


    @pytest.mark.seeds(5)
    def test_training(mlregress):
        accuracy = random.gauss(0.9, 0.01) - float(os.environ.get("LOSS", "0"))
        mlregress.record("accuracy", accuracy, higher_is_better=True)
        mlregress.record("error", 1 - accuracy, higher_is_better=False)
        mlregress.record("top5", 0.5 + accuracy / 2, higher_is_better=True)
"""
TEST = "test_training.py::test_training"
NOTE = (
    "level 0.05 instead of 0.017 after 5 seeds: one relabelling for 3 metrics of the test "
    "(Westfall-Young)"
)


@pytest.fixture
def three(suite: Suite) -> Suite:
    suite.write(TRAINING)
    suite.record()
    return suite


def test_three_names_of_one_metric_are_red_at_the_level_of_all(three: Suite, workers: str) -> None:
    result = three.run(workers, "--mlregress-stop=never", LOSS="0.021")
    assert three.verdicts == {TEST: "regression"}
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        [
            "sure    worse, near the limit: p = 0.039, limit 0.05; 85 % interval, 5 vs 20 seeds",
        ]
    )
    for metric in three.tests[TEST]["metrics"]:
        assert metric["alpha"] == pytest.approx(0.05 / 3)
        assert metric["level"] == pytest.approx(0.05, abs=1e-4)
        assert 0.05 / 3 < metric["p_harm"] < 0.05
        assert metric["notes"] == [NOTE]
