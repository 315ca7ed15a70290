"""Whatever a test records arrives as plain numbers and text, through any number of processes."""

from __future__ import annotations

from fractions import Fraction
from importlib.metadata import version
from platform import python_implementation, python_version
from typing import Any

from training_suite import Suite

from pytest_mlregress.running.scalars import to_plain

TEST = "test_training.py::test_it"


def values_of(seed: dict[str, Any]) -> dict[str, Any]:
    """What a seed of a JSON report recorded, by name."""
    return {metric["name"]: metric["value"] for metric in seed["metrics"]}


def test_numbers_of_any_kind_cross_processes(suite: Suite, workers: str) -> None:
    suite.write(
        """
        import enum
        from decimal import Decimal
        from fractions import Fraction
        import numpy
        import pytest

        class Optimizer(enum.StrEnum):
            SGD = "sgd"

        class Kind(str, enum.Enum):
            ADAM = "adam"

        class Depth(enum.IntEnum):
            DEEP = 8

        class Metric:
            higher_is_better = False
            def compute(self): return numpy.float32(0.5)

        @pytest.mark.seeds(1)
        def test_it(mlregress):
            mlregress.record(numpy.str_("a"), numpy.float64(0.5), higher_is_better=True,
                             margin=numpy.float64(0.1), resolution=numpy.float32(0.25))
            mlregress.record("b", numpy.array([0.5]), higher_is_better=True, version=Depth.DEEP)
            mlregress.record("c", Decimal("0.5"), higher_is_better=True, margin=numpy.str_("1sd"))
            mlregress.record("d", Fraction(1, 2), higher_is_better=True)
            mlregress.record("e", Metric())
            mlregress.record("f", True, higher_is_better=numpy.bool_(True).item())
            mlregress.log(numpy.int64(1), loss=numpy.float32(2))
            mlregress.log_params({
                "lr": numpy.float64(0.5), "depth": Depth.DEEP, "optimizer": Optimizer.SGD,
                "kind": Kind.ADAM, "text": numpy.str_("x"), "none": None, "flag": True,
                "layers": [1, 2], "array": numpy.int64(3), numpy.str_("name"): "y",
            })
        """
    )
    suite.run(workers, "--mlregress-missing=warn")
    (seed,) = suite.tests[TEST]["seeds"]
    assert values_of(seed) == {"a": 0.5, "b": 0.5, "c": 0.5, "d": 0.5, "e": 0.5, "f": 1.0}
    assert seed["params"] == {
        "lr": 0.5, "depth": 8, "optimizer": "sgd", "kind": "adam", "text": "x", "none": None,
        "flag": True, "layers": "[1, 2]", "array": 3, "name": "y",
    }  # fmt: skip


def test_integers_of_thousands_of_digits_end_no_run(suite: Suite, workers: str) -> None:
    """Python refuses to print them in decimal."""
    suite.write(
        """
        import pytest
        @pytest.mark.seeds(1)
        def test_it(mlregress):
            mlregress.record("a", 0.5, higher_is_better=True)
            mlregress.log_params({"one": 16**5000, "several": [10**5000]})
        """
    )
    suite.run(workers, "--mlregress-missing=warn")
    assert suite.verdicts == {TEST: "no-baseline"}
    (seed,) = suite.tests[TEST]["seeds"]
    assert seed["params"]["one"] == "0x1" + 5000 * "0"
    assert seed["params"]["several"].startswith("<list: no repr (")


def test_a_fraction_beyond_the_range_of_floats_stays_readable() -> None:
    assert to_plain(Fraction(10**400, 3)) == f"Fraction(1{400 * '0'}, 3)"
    assert to_plain(Fraction(1, 2)) == 0.5


def test_numbers_that_are_none_cross_processes(suite: Suite, workers: str) -> None:
    suite.write(
        """
        import pytest
        @pytest.mark.seeds(1)
        def test_it(mlregress):
            for name in ("nan", "inf", "-inf"):
                mlregress.record(name, float(name), higher_is_better=True)
        """
    )
    suite.run(workers, "--mlregress-missing=warn")
    (seed,) = suite.tests[TEST]["seeds"]
    assert values_of(seed) == {"nan": "nan", "inf": "inf", "-inf": "-inf"}


def test_text_of_any_kind_crosses_processes(suite: Suite, workers: str) -> None:
    suite.write(
        r"""
        import pytest
        @pytest.mark.seeds(2)
        @pytest.mark.parametrize("word", ["\u4e2d\u6587", "a b", "tab\t", "\U0001f600"])
        def test_it(mlregress, word):
            mlregress.log_params({"word": word, "odd": "\udcff"})
            assert mlregress.seed == 0, word
        """
    )
    result = suite.run(workers, "--mlregress-stop=never", apart=True)
    assert result.ret == 1
    assert set(suite.verdicts.values()) == {"diverged"}
    assert len(suite.verdicts) == 4
    params = [test["seeds"][0]["params"] for test in suite.tests.values()]
    assert {entry["word"] for entry in params} == {"\u4e2d\u6587", "a b", "tab\t", "\U0001f600"}
    assert {entry["odd"] for entry in params} == {"\\udcff"}


def test_lone_surrogates_end_neither_a_worker_nor_an_artifact(suite: Suite, workers: str) -> None:
    suite.write(
        r"""
        import pytest

        @pytest.mark.seeds(2)
        @pytest.mark.parametrize("word", [pytest.param("x", id="id\udcff"), "word\udcfe"])
        def test_ids(mlregress, word, record_property):
            record_property("file", "name\udcfd")
            mlregress.record("metric\udcfc", 0.5 + mlregress.seed, higher_is_better=True)
            mlregress.log_params({"key\udcfb": "value\udcfa"})

        @pytest.mark.seeds(2)
        def test_message(mlregress):
            print("output \udcf9")
            raise RuntimeError("cannot open \udcf8")
        """
    )
    reports = ("--mlregress-report=report.html", "--mlregress-report=report.md")
    update = ("--mlregress-update", "--mlregress-allow-dirty", "--junitxml=report.xml")
    utf8 = {"PYTHONIOENCODING": "utf-8:backslashreplace"}  # of this test's own pipe
    result = suite.run(workers, *reports, *update, apart=True, **utf8)
    assert result.ret == 1
    assert suite.verdicts == {
        r"test_training.py::test_ids[id\udcff]": "recorded",
        r"test_training.py::test_ids[word\udcfe]": "recorded",
        "test_training.py::test_message": "diverged",
    }
    assert r"cannot open \udcf8" in suite.tests["test_training.py::test_message"]["reasons"][0]
    artifacts = [path.read_text("utf-8") for path in suite.path.glob("__baselines__/*/*.json")]
    assert [r"metric\\udcfc" in text for text in artifacts] == [True, True]


def test_a_user_property_of_any_kind_crosses_processes(suite: Suite, workers: str) -> None:
    suite.write(
        """
        import decimal, pathlib
        import numpy
        import pytest

        @pytest.mark.seeds(1)
        def test_it(mlregress, record_property):
            record_property("loss", numpy.float64(0.5))
            record_property("steps", numpy.int64(3))
            record_property("nested", {"price": decimal.Decimal(1), "path": [pathlib.Path("x")]})
            mlregress.record("a", 0.5, higher_is_better=True)
        """
    )
    result = suite.run(workers, "--mlregress-missing=warn", "--junitxml=report.xml")
    assert result.ret == 0
    xml = (suite.path / "report.xml").read_text("utf-8")
    assert '<property name="loss" value="0.5" />' in xml
    assert '<property name="steps" value="3" />' in xml


def test_the_report_says_what_the_run_ran_on(suite: Suite, workers: str) -> None:
    suite.write(
        """
        import numpy

        def test_a(mlregress):
            mlregress.record("a", mlregress.seed, higher_is_better=True)
        """
    )
    suite.run(workers)
    environment = suite.report["environment"]
    assert environment["python"] == f"{python_implementation()} {python_version()}"
    assert environment["threads"] == "1"
    assert f"numpy {version('numpy')}" in environment["packages"].split(", ")
