"""`identical` names its seeds, and takes more of them where the metric is coarse."""

from __future__ import annotations

from training_suite import Suite

TEST = "test_training.py::test_training"

COARSE = """
    import os
    import random

    import pytest


    @pytest.mark.seeds(11)
    def test_training(mlregress):
        right = sum(random.random() < 0.8 for _ in range(20))
        if mlregress.seed >= int(os.environ.get("MOVED_FROM", "11")):
            right -= 1
        mlregress.record("accuracy", right / 20, higher_is_better=True)
"""
"""An accuracy on 20 examples; from the seed in MOVED_FROM on, one of them less is right."""


def recorded(suite: Suite) -> Suite:
    suite.write(COARSE)
    suite.record()
    return suite


def test_an_unchanged_coarse_accuracy_is_identical_in_as_many_seeds_as_it_takes(
    suite: Suite, workers: str
) -> None:
    result = recorded(suite).run(workers, "--mlregress-stop=never")
    assert suite.verdicts == {TEST: "identical"}
    result.stdout.fnmatch_lines([f"identical     {TEST} *11/11 seeds"])


def test_seeds_that_tie_before_one_moves_are_not_identical(suite: Suite, workers: str) -> None:
    recorded(suite).run(workers, MOVED_FROM="2")
    assert suite.verdicts == {TEST: "pass"}
