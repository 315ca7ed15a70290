"""What a framework logs, as curves and hyper-parameters of the run; no framework is needed."""

from __future__ import annotations

import sys
from argparse import Namespace
from typing import Any

import numpy as np
import pytest

from pytest_mlregress.integrations.training_log import TrainingLog
from pytest_mlregress.running.recorded_metric import RecordError
from pytest_mlregress.running.run import Run
from pytest_mlregress.running.run_record import RunRecord


def new_log(record: RunRecord, prefix: str = "") -> TrainingLog:
    run = Run(
        test="test_a.py::test_it",
        seed=3,
        tier="default",
        params={},
        make_tmp_path=lambda: None,  # type: ignore[arg-type, return-value]
        record=record,
    )
    return TrainingLog(run, prefix, "keras_callback")


def test_what_is_no_number_is_skipped_without_an_error() -> None:
    record = RunRecord()
    values: dict[Any, Any] = {
        "loss": np.float32(0.5), "nan": float("nan"), "note": "warm", "histogram": np.zeros(3),
        "nothing": None, "train_runtime": 3.5, "nested": {"a": 1}, 7: 1,
    }  # fmt: skip
    new_log(record, "a/").log(2, values, skip=["*_runtime"])
    assert {name: points[0][0] for name, points in record.curves.items()} == {
        "a/loss": 2, "a/nan": 2, "a/7": 2,
    }  # fmt: skip
    new_log(record, "b/").log(0, {"note": "only text"})
    assert "b/note" not in record.curves


def test_a_second_training_is_told_to_take_a_prefix() -> None:
    record = RunRecord()
    new_log(record).log(5, {"loss": 1})
    with pytest.raises(RecordError) as raised:
        new_log(record).log(1, {"loss": 1})
    assert str(raised.value) == (
        "test_a.py::test_it: log(1, loss=...) in seed 3: the steps of a curve do not go back; the "
        "last one was 5. Count steps through the whole training, not within an epoch, and give a "
        'second training another name: mlregress.keras_callback(prefix="second/")'
    )
    new_log(record, "second/").log(1, {"loss": 1})
    assert record.curves["second/loss"] == [(1, 1.0)]


class Thing:
    pass


@pytest.mark.parametrize("kind", [dict, Namespace])
def test_hyper_parameters_are_flat_and_the_same_in_each_run(kind: Any) -> None:
    record = RunRecord()
    params = {"lr": np.float32(0.5), "optimizer": {"name": "sgd", "betas": (0.9, 0.99)},
              "net": Thing(), "dtype": None, "nesterov": True}  # fmt: skip
    new_log(record, "a/").log_params(kind(**params))
    assert record.params == {
        "a/lr": 0.5,
        "a/optimizer/name": "sgd",
        "a/optimizer/betas": "(0.9, 0.99)",
        "a/net": "<test_training_log.Thing object>",
        "a/dtype": None,
        "a/nesterov": True,
    }


@pytest.mark.parametrize(
    ("method", "modules", "install"),
    [
        ("lightning_logger", ("lightning", "pytorch_lightning"), "lightning"),
        ("transformers_callback", ("transformers",), "'transformers[torch]'"),
        ("keras_callback", ("keras",), "keras"),
    ],
)
def test_a_missing_framework_is_an_error_with_the_command(
    monkeypatch: pytest.MonkeyPatch, method: str, modules: tuple[str, ...], install: str
) -> None:
    for name in modules:
        monkeypatch.setitem(sys.modules, name, None)  # as if it were not installed
    run = new_log(RunRecord())._run
    with pytest.raises(ModuleNotFoundError) as raised:
        getattr(run, method)()
    assert str(raised.value) == (
        f"mlregress.{method}() needs {modules[0]}, which is not installed for {sys.executable}: "
        f"pip install {install}"
    )
