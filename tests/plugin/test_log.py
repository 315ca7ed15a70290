"""`mlregress.log`: a curve has one value per step, whoever tells it, and never goes back."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from test_values import new_run
from training_suite import Suite

from pytest_mlregress.running.recorded_metric import RecordError
from pytest_mlregress.running.run_record import RunRecord

HERE = "test_a.py::test_it: log("


def curves(record: RunRecord) -> dict[str, tuple[tuple[int, float], ...]]:
    return {name: tuple(points) for name, points in record.curves.items()}


def test_a_mapping_names_what_python_cannot() -> None:
    record = RunRecord()
    run = new_run(record)
    run.log(1, {"val/loss": 0.5, "lr": 0.1}, loss=2)
    run.log(np.int64(2), {"val/loss": np.float32(0.25)})
    run.log(3)
    assert curves(record) == {
        "val/loss": ((1, 0.5), (2, 0.25)),
        "lr": ((1, 0.1),),
        "loss": ((1, 2.0),),
    }


def test_a_repeated_step_counts_once_and_the_last_value_wins() -> None:
    record = RunRecord()
    run = new_run(record)
    told: list[tuple[int, dict[str, float]]] = []
    record.on_log = lambda step, values: told.append((step, dict(values)))
    run.log(1, loss=0.5, other=math.nan)
    run.log(1, loss=0.5, other=math.nan)
    run.log(1, loss=0.4, other=math.nan)
    assert curves(record)["loss"] == ((1, 0.4),)
    assert [(step, [*values]) for step, values in told] == [(1, ["loss", "other"]), (1, ["loss"])]


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ((4, {"loss": 1}), "4, loss=...) in seed 3: the steps of a curve do not go back; the last "
         "one was 5. Count steps through the whole training, not within an epoch, and give a "
         "second training another name"),
        ((6, [1]), "6, ...) in seed 3: the values are named, log(step, loss=0.3) or "
         "log(step, {'val/loss': 0.3}), not [1]"),
        ((6.5, {"loss": 1}), "6.5, ...) in seed 3: a step is a whole number, such as the number of "
         "the epoch or batch"),
    ],
)  # fmt: skip
def test_what_is_no_point_is_refused(arguments: tuple[Any, ...], problem: str) -> None:
    record = RunRecord()
    run = new_run(record)
    run.log(5, loss=1)
    with pytest.raises(RecordError) as raised:
        run.log(*arguments, other=2)
    assert str(raised.value) == HERE + problem
    assert curves(record) == {"loss": ((5, 1.0),)}, "nothing of a refused call is kept"


def test_a_name_in_both_places_is_refused() -> None:
    with pytest.raises(RecordError) as raised:
        new_run().log(1, {"loss": 1}, loss=2)
    assert str(raised.value) == (
        HERE + "1, ...) in seed 3: 'loss' is given in the mapping and as a keyword; pass it once"
    )


def test_a_step_that_is_told_twice_is_in_the_baseline_once(suite: Suite) -> None:
    suite.write(
        """
        import pytest

        @pytest.mark.seeds(5)
        def test_it(mlregress):
            for step in range(3):
                for _ in "ab":
                    mlregress.log(step, {"val/loss": 1 - step / 4})
            mlregress.record("a", 0.5 + mlregress.seed / 100, higher_is_better=True)
        """
    )
    suite.record()
    assert suite.run().ret == 0
    (artifact,) = suite.path.glob("__baselines__/*/*.json")
    assert '"0": [[0, 1.0], [1, 0.75], [2, 0.5]]' in artifact.read_text("utf-8")
