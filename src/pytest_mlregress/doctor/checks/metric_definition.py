"""Metrics whose code changed while their version stayed, and coarse ones without a resolution."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from pytest_mlregress.baselines.artifact import MetricBaseline
from pytest_mlregress.doctor.finding import DoctorFinding
from pytest_mlregress.doctor.git_history import text_at
from pytest_mlregress.doctor.project import Baseline, Project
from pytest_mlregress.doctor.python_code import Module, constant_int, definitions, keyword_of
from pytest_mlregress.doctor.registry import Question, check
from pytest_mlregress.doctor.regression_tests import RegressionTest

VERSION: Final = Question(
    "metric-version",
    "baselines",
    "The function that computes a metric is that of the baseline's commit, or `version=` has "
    "moved; functions that train are left out.",
)
RESOLUTION: Final = Question(
    "metric-resolution",
    "baselines",
    "A metric whose values are all multiples of 1/n, as an accuracy on n examples, has "
    "`resolution=`.",
)

_TRAINS: Final = re.compile(r"\.backward\(|\.fit\(|\.step\(|\btrain\(|\.train_step\(|partial_fit\(")
_MOST_EXAMPLES: Final = 2_000
_LEAST_VALUES: Final = 3


@dataclass(frozen=True, slots=True)
class _Recorded:
    """One call of ``mlregress.record`` with the functions that its value comes from."""

    name: str
    version: int | None
    functions: tuple[str, ...]
    line: int


@check(VERSION, RESOLUTION)
def metric_definition(project: Project) -> Iterator[DoctorFinding]:
    """Compare the code and the values of each recorded metric with its declaration."""
    project.require_baselines()
    found = [
        finding
        for test in project.tests
        for baseline in project.baselines_of(test)[:1]
        for finding in _versions(test, baseline, project)
    ]
    yield from found
    if not found:
        yield VERSION.ok("no evaluation function has changed since its baseline's commit")
    coarse = [*_resolutions(project)]
    yield from coarse
    if not coarse:
        yield RESOLUTION.ok("no metric without resolution= has values that are multiples of 1/n")


def _versions(
    test: RegressionTest, baseline: Baseline, project: Project
) -> Iterator[DoctorFinding]:
    commit = baseline.artifact.provenance.named_commit
    if commit is None:
        return
    for recorded in _records(test, _function_names(project)):
        metric = baseline.artifact.metrics.get(recorded.name)
        if metric is None or recorded.version != metric.version:
            continue
        for name in recorded.functions:
            if (place := _changed(name, commit, project)) is not None:
                module, line = place
                yield VERSION.warning(
                    f"{name}() has changed since the baseline of {recorded.name} was recorded "
                    f"({commit[:10]}), and its version is still {metric.version}",
                    f"if its numbers mean something else now: version={metric.version + 1} in "
                    f'record("{recorded.name}", ...), then pytest --mlregress-update',
                    project.place(module.file, line),
                )


def _function_names(project: Project) -> set[str]:
    return {
        node.name
        for module in project.modules_of(project.code)
        for node in definitions(module.tree)
        if isinstance(node, ast.FunctionDef)
    }


def _records(test: RegressionTest, known: set[str]) -> Iterator[_Recorded]:
    """The calls of ``record`` in a test; a value through one variable is followed."""
    assigned: dict[str, ast.expr] = {}
    for node in ast.walk(test.node):
        if isinstance(node, ast.Assign):
            for target in node.targets:
                for name in ast.walk(target):
                    if isinstance(name, ast.Name):
                        assigned[name.id] = node.value
    for call in ast.walk(test.node):
        match call:
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id="mlregress"), attr="record"),
                args=[ast.Constant(value=str() as metric), *rest],
            ):
                value = rest[0] if rest else keyword_of(call, "value")
                given = keyword_of(call, "version")
                version = 1 if given is None else constant_int(given)
                functions = _functions_in(value, assigned, known)
                yield _Recorded(metric, version, tuple(functions), call.lineno)
            case _:
                pass


def _functions_in(
    value: ast.expr | None, assigned: dict[str, ast.expr], known: set[str]
) -> list[str]:
    """The functions of the project that give a value; what they are given is not theirs."""
    if isinstance(value, ast.Name) and value.id in assigned:
        value = assigned[value.id]
    return list(dict.fromkeys(_outermost(value, known))) if value is not None else []


def _outermost(node: ast.AST, known: set[str]) -> Iterator[str]:
    if isinstance(node, ast.Call):
        name = ast.unparse(node.func).rpartition(".")[2]
        if name in known:
            yield name
            return
    for child in ast.iter_child_nodes(node):
        yield from _outermost(child, known)


def _changed(name: str, commit: str, project: Project) -> tuple[Module, int] | None:
    """Where the one function of a name is now, if it was another at the commit."""
    now = [
        (module, node)
        for module in project.modules_of(project.code)
        for node in definitions(module.tree)
        if node.name == name and isinstance(node, ast.FunctionDef)
    ]
    if len(now) != 1:
        return None
    module, node = now[0]
    if _TRAINS.search(ast.unparse(node)):
        return None
    before = text_at(project.top, commit, module.file)
    try:
        old = [each for each in definitions(ast.parse(before or "")) if each.name == name]
    except (SyntaxError, ValueError):
        return None
    if len(old) != 1 or _meaning(old[0]) == _meaning(node):
        return None
    return module, node.lineno


def _meaning(node: ast.AST) -> str:
    """A function without its docstring, comments, annotations and layout."""
    copy = ast.parse(ast.unparse(node)).body[0]
    for inner in ast.walk(copy):
        if isinstance(inner, ast.FunctionDef):
            inner.returns = None
            if ast.get_docstring(inner) is not None:
                inner.body = inner.body[1:] or [ast.Pass()]
        elif isinstance(inner, ast.arg):
            inner.annotation = None
    return ast.dump(copy)


def _resolutions(project: Project) -> Iterator[DoctorFinding]:
    for baseline in project.baselines:
        for name, metric in baseline.artifact.metrics.items():
            examples = _examples(metric)
            if examples is None:
                continue
            yield RESOLUTION.warning(
                f"{baseline.test}: all {len(metric.values)} values of {name} are multiples of "
                f"1/{examples} (such as {next(iter(metric.values.values())):.6g}), and it declares "
                "no resolution",
                f'record("{name}", ..., resolution=1 / {examples}), the size of the test set',
                baseline.location,
            )


def _examples(metric: MetricBaseline) -> int | None:
    """The least n for which all values are k/n as floats; None without one, or with few values.

    0 and 1 say nothing. That three other values lie by chance within the rounding error of single
    precision of multiples of one 1/n with n up to 2,000 has a probability below 1e-6.
    """
    values = sorted(set(metric.values.values()))
    inside = [value for value in values if 0.0 < value < 1.0]
    if (
        metric.resolution is not None
        or len(inside) < _LEAST_VALUES
        or len(inside) < len(values) - 2
    ):
        return None
    if not all(0.0 <= value <= 1.0 for value in values):
        return None
    multiple = 1
    for value in inside:
        fraction = Fraction(value).limit_denominator(_MOST_EXAMPLES)
        if not _is_rounded(value, fraction):
            return None
        multiple = multiple * fraction.denominator // _gcd(multiple, fraction.denominator)
        if multiple > _MOST_EXAMPLES:
            return None
    return multiple


def _is_rounded(value: float, fraction: Fraction) -> bool:
    """Whether a float is a fraction as double or single precision gives it."""
    return abs(value - fraction.numerator / fraction.denominator) <= 6e-8 * value


def _gcd(a: int, b: int) -> int:
    while b:
        a, b = b, a % b
    return a
