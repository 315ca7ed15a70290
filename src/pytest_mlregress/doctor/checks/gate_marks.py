"""Regression tests that cannot fail: skipped, or expected to fail."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Final

from pytest_mlregress.doctor.finding import DoctorFinding
from pytest_mlregress.doctor.project import Project
from pytest_mlregress.doctor.python_code import keyword_of
from pytest_mlregress.doctor.registry import Question, check
from pytest_mlregress.doctor.regression_tests import Mark, RegressionTest
from pytest_mlregress.plurals import count_of

MARKS: Final = Question(
    "gate-marks",
    "baselines",
    "No regression test carries `skip` or `xfail`; `skipif` on hardware or a library is fine.",
)

_HARDWARE: Final = re.compile(
    r"cuda|gpu|is_available|device|platform|version|find_spec|importorskip|mps|memory|cpu", re.I
)
_CI: Final = re.compile(r"\bCI\b|GITHUB_ACTIONS|GITLAB_CI|TRAVIS|CIRCLECI|JENKINS|BUILD_ID")


@check(MARKS)
def gate_marks(project: Project) -> Iterator[DoctorFinding]:
    """Look at the marks of each regression test, and at its first lines."""
    tests = project.require_tests()
    found = [finding for test in tests for finding in _of_test(test, project)]
    yield from found
    if not found:
        yield MARKS.ok(f"{count_of(len(tests), 'test')} without skip or xfail")


def _of_test(test: RegressionTest, project: Project) -> Iterator[DoctorFinding]:
    name = project.node_id(test)
    for mark in test.marks:
        place = project.place(test.module.file, mark.line)
        if mark.name == "skip":
            yield MARKS.problem(
                f"{name} is skipped{_reason(mark)}: nothing is compared",
                "remove the mark, or the test with its baseline",
                place,
            )
        elif mark.name == "skipif" and (why := _is_gate(mark)):
            yield MARKS.problem(f"{name} is skipped {why}", "remove the mark", place)
        elif mark.name == "xfail" and (mark.call is None or not _has_condition(mark.call)):
            strict = _is_true(keyword_of(mark.call, "strict")) if mark.call is not None else False
            strict = strict or project.configuration.values.get("xfail_strict") == "true"
            yield MARKS.found(
                "warning" if strict else "problem",
                f"{name} is expected to fail{_reason(mark)}: a loss "
                + ("is not shown, a pass is red" if strict else "and a pass are both green"),
                "repair what it waits for, then remove the mark; record an accepted loss: "
                "pytest --mlregress-update",
                place,
            )
    for statement in test.node.body:
        match statement:
            case ast.Expr(
                value=ast.Call(
                    func=ast.Attribute(value=ast.Name(id="pytest"), attr="skip" | "xfail" as what)
                )
            ):
                yield MARKS.problem(
                    f"{name} always calls pytest.{what}: nothing is compared",
                    "remove the call, or the test with its baseline",
                    project.place(test.module.file, statement.lineno),
                )
            case _:
                pass


def _is_gate(mark: Mark) -> str:
    """When a ``skipif`` switches the gate off; empty where it asks for hardware or a library."""
    if mark.call is None or not mark.call.args:
        return ""
    condition = ast.unparse(mark.call.args[0])
    if condition == "True":
        return "always: its condition is True"
    if _CI.search(condition) and not _HARDWARE.search(condition):
        return f"in CI: {condition}"
    return ""


def _has_condition(call: ast.Call) -> bool:
    condition = call.args[0] if call.args else keyword_of(call, "condition")
    return condition is not None and not _is_true(condition)


def _is_true(node: ast.expr | None) -> bool:
    return isinstance(node, ast.Constant) and node.value is True


def _reason(mark: Mark) -> str:
    reason = keyword_of(mark.call, "reason") if mark.call is not None else None
    match reason:
        case ast.Constant(value=str() as text):
            return f" ({text})"
        case _:
            return ""
