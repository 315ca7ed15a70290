"""What has one number in it is recorded; what has none is refused by test, metric and remedy."""

from __future__ import annotations

import math
import subprocess
import sys
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any, get_args
from unittest.mock import MagicMock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from pytest_mlregress.margins import CommonMargin, margin
from pytest_mlregress.running.recorded_metric import RecordError
from pytest_mlregress.running.run import Run
from pytest_mlregress.running.run_record import RunRecord
from pytest_mlregress.running.scalars import NotANumberError, to_number
from pytest_mlregress.statistics.margins import parse_margin


def new_run(record: RunRecord | None = None) -> Run:
    def no_folder() -> Any:
        raise AssertionError("a record needs no folder")

    return Run(
        test="test_a.py::test_it",
        seed=3,
        tier="default",
        params={},
        make_tmp_path=no_folder,
        record=RunRecord() if record is None else record,
    )


class KerasMetric:
    """The interface of `keras.metrics.Metric`."""

    def __init__(self, value: object) -> None:
        self.value = value

    def update_state(self, *arguments: object) -> None: ...

    def result(self) -> object:
        return self.value


class FlaxMetric:
    """The interface of `flax.nnx.metrics.Metric`."""

    def __init__(self, value: object) -> None:
        self.value = value

    def compute(self) -> object:
        if self.value is None:
            raise ValueError("no batch was seen\nand more")
        return self.value


class EagerTensor:
    """The interface of tensorflow's tensors: a shape and `numpy()`."""

    def __init__(self, value: object) -> None:
        self.array = np.asarray(value)
        self.shape = self.array.shape

    def numpy(self) -> object:
        return self.array


class SymbolicTensor:
    """A tensor that has no value before its graph runs, and sizes that are not known."""

    shape = (None, 1)

    def numpy(self) -> object:
        raise NotImplementedError("numpy() is only available when eager execution is enabled.")


class Future:
    def result(self) -> float:
        raise AssertionError("waits for ever")


NUMBERS = {
    "bool": (True, 1.0),
    "numpy bool": (np.bool_(False), 0.0),
    "Decimal": (Decimal("0.5"), 0.5),
    "infinite Decimal": (Decimal("-inf"), -math.inf),
    "Fraction": (Fraction(1, 2), 0.5),
    "float16": (np.float16(0.5), 0.5),
    "0-d array": (np.array(0.5), 0.5),
    "1-element array": (np.array([[0.5]]), 0.5),
    "array with nothing masked": (np.ma.array([0.5]), 0.5),
    "array of an object": (np.array([Decimal("0.5")]), 0.5),
    "sparse": (sparse.csr_array([[0.5]]), 0.5),
    "Keras": (KerasMetric(EagerTensor(0.5)), 0.5),
    "flax": (FlaxMetric(np.float32(0.5)), 0.5),
    "tensorflow": (EagerTensor([0.5]), 0.5),
}


@pytest.mark.parametrize("kind", NUMBERS)
def test_one_number_is_recorded(kind: str) -> None:
    value, expected = NUMBERS[kind]
    record = RunRecord()
    run = new_run(record)
    run.record("loss", value, higher_is_better=False)
    (metric,) = record.metrics.values()
    assert metric.value == expected
    assert type(metric.value) is float


BAD = {
    "masked": (np.ma.masked, "masked is masked: it holds no value"),
    "masked element": (
        np.ma.array([0.5], mask=[True]),
        "masked_array(data=[--], mask=[ True], fill_value=1e+20, d... is masked: it holds no value",
    ),
    "duration": (
        timedelta(seconds=1),
        "datetime.timedelta(seconds=1) is a duration or a date; record a number of seconds",
    ),
    "numpy duration": (
        np.timedelta64(5, "s"),
        "np.timedelta64(5,'s') is a duration or a date; record a number of seconds",
    ),
    "array of a duration": (
        np.array([5], "m8[ns]"),
        "array([5], dtype='timedelta64[ns]') is a duration or a date; record a number of seconds",
    ),
    "large": (
        10**400,
        "1" + 56 * "0" + "... (int) is too large for a float; record its logarithm",
    ),
    "larger": (
        10**5000,
        "a number of thousands of digits (int) is too large for a float; record its logarithm",
    ),
    "large Decimal": (
        Decimal("1e400"),
        "Decimal('1E+400') (Decimal) is too large for a float; record its logarithm",
    ),
    "complex64": (
        np.complex64(1),
        "np.complex64(1+0j) is complex; record its .real or abs() of it",
    ),
    "array of a complex": (np.array(1j), "1j is complex; record its .real or abs() of it"),
    "class": (KerasMetric, "KerasMetric is a class; pass the number"),
    "list": ([0.5], "a list of 1 number; reduce it to one first, for example with .mean()"),
    "empty": ([], "a list of 0 numbers; reduce it to one first, for example with .mean()"),
    "array of text": (np.array("x"), "'x' is text; pass the number itself"),
    "failing metric": (
        FlaxMetric(None),
        "a FlaxMetric whose compute() failed with ValueError: no batch was seen",
    ),
    "metric of many": (
        KerasMetric({"a": 1.0, "b": 2.0}),
        "a dict of 2 numbers; reduce it to one first, for example with .mean()",
    ),
    "symbolic": (
        SymbolicTensor(),
        "a SymbolicTensor whose numpy() failed with NotImplementedError: numpy() is only available "
        "when eager execution is enabled.",
    ),
}


@pytest.mark.parametrize("kind", BAD)
def test_what_is_no_number_is_refused(kind: str) -> None:
    value, problem = BAD[kind]
    with pytest.raises(RecordError) as raised:
        new_run().record("loss", value, higher_is_better=False)
    assert str(raised.value) == f"test_a.py::test_it: metric 'loss', seed 3: {problem}"


@pytest.mark.parametrize("value", [MagicMock(), Future(), object()])
def test_what_offers_everything_or_nothing_is_no_number(value: object) -> None:
    with pytest.raises(NotANumberError, match=r"is not a number$"):
        to_number(value)


def test_tensors_of_every_kind() -> None:
    torch = pytest.importorskip("torch")
    for tensor in (
        torch.tensor(1.0, requires_grad=True),
        torch.ones(1, dtype=torch.bfloat16),
        torch.ones(1).to_sparse(),
    ):
        assert to_number(tensor) == 1.0
    with pytest.raises(NotANumberError, match=r"^a Tensor whose item\(\) failed with "):
        to_number(torch.ones((), device="meta"))


margins = st.one_of(
    st.text(),
    st.from_regex(r"\s*[-+]?[0-9.]{0,4}(e[-+]?[0-9]{1,3})?\s*(%|sd|SD|)\s*", fullmatch=True),
    st.sampled_from(["1e-1sd", "1e-3%", "1SD", " 1 %", "AUTO", True, None, 10**400, "1e309sd"]),
    st.floats(),
    st.integers(),
    st.fractions(),
    st.decimals(),
    st.floats(width=32).map(np.float32),
    st.floats(0, 10).map(np.array),
)


@given(margins)
def test_a_margin_that_can_be_recorded_can_be_judged(margin: Any) -> None:
    record = RunRecord()
    run = new_run(record)
    try:
        run.record("loss", 0.5, higher_is_better=False, margin=margin)
    except RecordError:
        with pytest.raises(ValueError):
            parse_margin(margin)
        return
    (metric,) = record.metrics.values()
    assert type(metric.margin) in (str, float)
    assert parse_margin(metric.margin).amount >= 0.0


@given(st.floats(0, 1e6), st.sampled_from(["sd", "SD", "%", " Sd ", " %"]))
def test_every_way_to_print_a_number_is_a_margin(number: float, unit: str) -> None:
    for text in (repr(number), f"{number:e}", f"{number:.3f}", f"+{number}"):
        kind = "relative" if "%" in unit else "sd"
        amount = float(text) / (100 if "%" in unit else 1)
        parsed = parse_margin(text + unit)
        assert (parsed.kind, parsed.amount) == (kind, amount)


def test_the_grammar_and_the_numbers_import_no_library() -> None:
    code = (
        "import sys, pytest_mlregress.margins, pytest_mlregress.running.run;"
        "print({'numpy', 'scipy', 'torch'} & set(sys.modules))"
    )
    printed = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    )
    assert printed.stdout == "set()\n"


@pytest.mark.parametrize("text", get_args(CommonMargin))
def test_every_margin_that_type_checkers_know_is_one(text: str) -> None:
    assert margin(text) == text


def test_a_text_that_is_no_margin_is_not_declared_one() -> None:
    with pytest.raises(ValueError, match="margin='oops' is not a margin; allowed is an absolute"):
        margin("oops")
