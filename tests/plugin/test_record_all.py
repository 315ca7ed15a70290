"""`mlregress.record_all`: every metric of a mapping or none, and no direction is guessed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from test_values import new_run
from training_suite import Suite

from pytest_mlregress.running.recorded_metric import RecordError
from pytest_mlregress.running.run_record import RunRecord

METRICS = {"val_loss": np.float32(0.5), "val_accuracy": 0.75, "epoch": 3}
DIRECTIONS = {"val_loss": False, "val_accuracy": True}
HERE = "test_a.py::test_it: record_all"


class TorchMetric:
    higher_is_better = True

    def compute(self) -> float:
        return 0.25


def test_each_argument_is_one_for_all_or_one_for_each() -> None:
    record = RunRecord()
    run = new_run(record)
    run.record("a", 1, higher_is_better=True)
    run.record_all(
        METRICS,
        higher_is_better=DIRECTIONS,
        margin={"val_accuracy": "1%"},
        version=2,
        resolution={"val_accuracy": 0.25},
        prefix="end/",
        skip=["epo*"],
    )
    shown = {
        name: (each.value, each.higher_is_better, each.margin, each.version, each.resolution)
        for name, each in record.metrics.items()
    }
    assert shown == {
        "a": (1.0, True, "auto", 1, None),
        "end/val_loss": (0.5, False, "auto", 2, None),
        "end/val_accuracy": (0.75, True, "1%", 2, 0.25),
    }


def test_a_metric_of_torchmetrics_knows_its_direction() -> None:
    record = RunRecord()
    new_run(record).record_all({"f1": TorchMetric(), "loss": 1}, higher_is_better={"loss": False})
    assert [(m.name, m.value, m.higher_is_better) for m in record.metrics.values()] == [
        ("f1", 0.25, True),
        ("loss", 1.0, False),
    ]


@pytest.mark.parametrize(
    ("metrics", "arguments", "problem"),
    [
        (METRICS, {},
         " has no direction for val_loss, val_accuracy, epoch: say higher_is_better={'val_loss': "
         "..., 'val_accuracy': ..., 'epoch': ...} with True or False, or leave them out with "
         "skip=['val_loss', 'val_accuracy', 'epoch']"),
        (METRICS, {"higher_is_better": DIRECTIONS},
         " has no direction for epoch: say higher_is_better={'epoch': ...} with True or False, "
         "or leave them out with skip=['epoch']"),
        (METRICS, {"higher_is_better": {"val_los": False}},
         ": higher_is_better names 'val_los', which is not among the metrics; did you mean "
         "'val_loss'? they are val_loss, val_accuracy, epoch"),
        (METRICS, {"higher_is_better": True, "margin": {"qqq": 1}},
         ": margin names 'qqq', which is not among the metrics; they are val_loss, val_accuracy, "
         "epoch"),
        (METRICS, {"higher_is_better": True, "skip": ["epochs"]},
         ": skip names 'epochs', which is not among the metrics; did you mean 'epoch'? they are "
         "val_loss, val_accuracy, epoch"),
        (METRICS, {"higher_is_better": True, "skip": "epoch"},
         ": skip='epoch' must be a list of names"),
        (METRICS, {"higher_is_better": True, "skip": 3},
         ": skip=3 must be a list of names"),
        (METRICS, {"higher_is_better": True, "skip": ["*"]},
         ": skip=['*'] leaves none of val_loss, val_accuracy, epoch to record"),
        (METRICS, {"higher_is_better": "yes"},
         ": higher_is_better='yes' must be True, False or a mapping of names to them"),
        (METRICS, {"higher_is_better": True, "prefix": 1}, ": prefix=1 must be text"),
        ({}, {"higher_is_better": True},
         " got no metrics in seed 3: call it after the training or the evaluation that fills the "
         "mapping"),
        ([0.5], {"higher_is_better": True},
         " takes values by name, such as trainer.callback_metrics, not list [0.5]"),
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused(
    metrics: Any, arguments: dict[str, Any], problem: str
) -> None:
    record = RunRecord()
    with pytest.raises(RecordError) as raised:
        new_run(record).record_all(metrics, **arguments)
    assert str(raised.value) == HERE + problem
    assert record.metrics == {}


@pytest.mark.parametrize(
    ("metrics", "arguments", "problem"),
    [
        ({"a": 1, "b": "1"}, {}, "metric 'b', seed 3: '1' is text; pass the number itself"),
        ({"a": 1, "b": [1, 2]}, {},
         "metric 'b', seed 3: a list of 2 numbers; reduce it to one first, for example with "
         ".mean()"),
        ({"a": 1, "old": 2}, {},
         "metric 'old' is recorded twice in seed 3 (0.5, then 2); record the final value once, "
         "and use mlregress.log(step, ...) for a curve"),
        ({"a": 1, 2: 2}, {}, "a metric's name is a non-empty string, not 2"),
        ({"a": 1, "b": 2}, {"higher_is_better": {"a": True, "b": 1}},
         "metric 'b': higher_is_better=1 must be True or False"),
        ({"a": 1, "b": 2}, {"version": {"b": 0}},
         "metric 'b': version=0 must be a whole number >= 1"),
    ],
)  # fmt: skip
def test_one_bad_entry_records_none(
    metrics: dict[Any, Any], arguments: dict[str, Any], problem: str
) -> None:
    record = RunRecord()
    run = new_run(record)
    run.record("old", 0.5, higher_is_better=True)
    with pytest.raises(RecordError) as raised:
        run.record_all(metrics, **{"higher_is_better": True, **arguments})
    assert str(raised.value) == f"test_a.py::test_it: {problem}"
    assert list(record.metrics) == ["old"]


def test_the_error_stands_at_the_line_of_the_test(suite: Suite) -> None:
    suite.write(
        """
        def test_it(mlregress):
            mlregress.record_all({"loss": 0.5}, higher_is_better={"los": False})
        """
    )
    result = suite.run()
    result.stdout.fnmatch_lines(
        [
            '>       mlregress.record_all({"loss": 0.5}, higher_is_better={"los": False})',
            "E       *RecordError: test_training.py::test_it: record_all: higher_is_better names "
            "'los', which is not among the metrics; did you mean 'loss'? they are loss",
            "test_training.py:3: RecordError",
        ]
    )
