"""A learning curve that has left the baseline's ends its seed, where its direction is known."""

from __future__ import annotations

import pytest
from training_suite import Suite

TEST = "test_training.py::test_it"
TRAINING = """
    import os
    import random

    import pytest

    @pytest.mark.seeds(5)
    def test_it(mlregress):
        end = 0.9 + random.gauss(0, 0.005)
        for step in range(40):
            seen = max(step - int(os.environ.get("LATE", "0")), 0)
            good = 0.1 if os.environ.get("STUCK") else end - 0.8 * 0.8**seen
            mlregress.log(step, {os.environ.get("NAME", "accuracy"): good})
        mlregress.record("accuracy", end, higher_is_better=True)
"""


@pytest.fixture
def curves(suite: Suite) -> Suite:
    suite.write(TRAINING)
    return suite


def test_a_collapsed_curve_ends_its_seed_by_that_word(curves: Suite) -> None:
    curves.record()
    assert curves.run(STUCK="1").ret == 1
    reasons = curves.tests[TEST]["reasons"]
    assert reasons[0].startswith(
        "seed 0 collapsed early: accuracy: at step 23 the best of the 4 latest evaluations is 0.1; "
        "the baseline's curves allow "
    )
    assert reasons[0].endswith("; the run was ended, --mlregress-curves=off lets it finish")


def test_curves_are_not_judged_where_that_is_off(curves: Suite) -> None:
    curves.record()
    assert curves.run("--mlregress-curves=off", STUCK="1").ret == 0


def test_a_curve_without_a_direction_ends_nothing(curves: Suite) -> None:
    curves.record(NAME="loss")
    assert curves.run(NAME="loss", STUCK="1").ret == 0


def test_a_late_start_that_ends_the_same_is_not_ended(curves: Suite) -> None:
    curves.record()
    assert curves.run(LATE="18").ret == 0
