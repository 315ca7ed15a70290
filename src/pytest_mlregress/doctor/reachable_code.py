"""The functions that a regression test can run, followed by their names.

Every function or class of the code whose name occurs in a reachable function is reachable: more
than what really runs, but nothing that only another program calls, such as a script's ``main``.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pytest_mlregress.doctor.project import Project
from pytest_mlregress.doctor.python_code import Definition, Module, definitions
from pytest_mlregress.doctor.regression_tests import RegressionTest

__all__ = ["ReachableCall", "ReachableFunction", "calls_of", "reachable_functions"]


@dataclass(frozen=True, slots=True)
class ReachableFunction:
    """A function that a test can run.

    Attributes:
        module: its file.
        node: its definition.
        test: the test that reaches it first.
    """

    module: Module
    node: ast.FunctionDef | ast.AsyncFunctionDef
    test: RegressionTest

    @property
    def is_test(self) -> bool:
        """Whether it is the test itself."""
        return self.node is self.test.node


@dataclass(frozen=True, slots=True)
class ReachableCall:
    """A call in a reachable function.

    Attributes:
        function: the function.
        call: the call.
        name: the dotted name that is called, with imports resolved; empty for other expressions.
    """

    function: ReachableFunction
    call: ast.Call
    name: str

    @property
    def line(self) -> int:
        """Where it stands."""
        return self.call.lineno


def reachable_functions(
    project: Project, tests: Iterable[RegressionTest]
) -> list[ReachableFunction]:
    """The functions that tests can run.

    Args:
        project: the project, whose code is followed.
        tests: where to begin.

    Returns:
        Each function once, the tests first. Fixtures and hooks are none of them: the plugin seeds
        the generators after they have run.
    """
    by_name: dict[str, list[tuple[Module, Definition]]] = {}
    for module in project.modules_of(project.code):
        for node in definitions(module.tree):
            by_name.setdefault(node.name, []).append((module, node))
    found: dict[int, ReachableFunction] = {}
    waiting = [
        ReachableFunction(test.module, test.node, test)
        for test in tests
    ]  # fmt: skip
    while waiting:
        function = waiting.pop(0)
        if id(function.node) in found:
            continue
        found[id(function.node)] = function
        for name in _names_in(function):
            for module, node in by_name.get(name, ()):
                waiting += [
                    ReachableFunction(module, each, function.test) for each in _functions(node)
                ]
    return list(found.values())


def calls_of(functions: Iterable[ReachableFunction]) -> Iterator[ReachableCall]:
    """The calls in functions, without those in functions that are defined within."""
    for function in functions:
        for node in _own_nodes(function.node):
            if isinstance(node, ast.Call):
                yield ReachableCall(function, node, function.module.name_of(node.func))


def _own_nodes(function: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[ast.AST]:
    waiting: list[ast.AST] = list(function.body)
    while waiting:
        node = waiting.pop(0)
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            waiting += ast.iter_child_nodes(node)


def _names_in(function: ReachableFunction) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(function.node):
        if isinstance(node, ast.Name):
            names.add(function.module.aliases.get(node.id, node.id).rpartition(".")[2])
        elif isinstance(node, ast.Attribute):
            names.add(node.attr)
    return names


def _functions(node: Definition) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """A function, or the methods of a class; nothing of a fixture or a test."""
    if isinstance(node, ast.ClassDef):
        for entry in node.body:
            if isinstance(entry, ast.FunctionDef | ast.AsyncFunctionDef):
                yield entry
    elif not node.name.startswith("test_") and not any(
        "fixture" in ast.unparse(decorator) for decorator in node.decorator_list
    ):
        yield node
