"""Why a seed failed, in one line, from each form that pytest gives its reports."""

from __future__ import annotations

import pytest

from pytest_mlregress.running.base_execution import _message
from pytest_mlregress.running.printed_error import last_line
from pytest_mlregress.running.seed_payload import _why_expected

PRINTED = """mlregress = <Run of test_a.py::test_training, seed 0>

    def test_training(mlregress):
>       train()
E       ValueError: first
E       RuntimeError: no gradient

test_a.py:5: RuntimeError"""


def report(longrepr: object, **attributes: object) -> pytest.TestReport:
    made = pytest.TestReport(
        nodeid="test_a.py::test_training",
        location=("test_a.py", 0, "test_training"),
        keywords={},
        outcome="skipped" if attributes else "failed",
        longrepr=longrepr,  # type: ignore[arg-type]
        when="call",
    )
    for name, value in attributes.items():
        setattr(made, name, value)
    return made


@pytest.mark.parametrize(
    ("made", "line"),
    [
        (report(PRINTED), "RuntimeError: no gradient"),
        (report("it was killed\n"), "it was killed"),
        (report(""), "failed"),
        (report(PRINTED, wasxfail="known\nand long"), "known"),
        (report(PRINTED, wasxfail="reason: known"), "known"),
        (report(PRINTED, wasxfail=""), "RuntimeError: no gradient"),
        (report(("test_a.py", 3, "Skipped: no GPU")), "no GPU"),
    ],
)
def test_the_line_of_a_report_of_the_base(made: pytest.TestReport, line: str) -> None:
    assert _message(made) == line


def test_an_expected_failure_begins_with_its_reason_or_its_error() -> None:
    assert _why_expected("known", PRINTED) == f"known\n{PRINTED}"
    assert _why_expected("", PRINTED) == f"RuntimeError: no gradient\n{PRINTED}"
    assert _why_expected("known", "") == "known"


def test_what_has_no_marked_line_ends_with_its_last() -> None:
    assert last_line("a\nb\n") == "b"
    assert last_line(" \n") == "unknown error"
