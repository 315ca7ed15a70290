"""The regression tests of a project, as their source shows them."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Final

from pytest_mlregress.doctor.python_code import Module

__all__ = ["Mark", "RegressionTest", "is_test_file", "may_hold_tests", "tests_in"]

_MARKERS: Final = frozenset({"mlregress", "seeds", "tiers"})


@dataclass(frozen=True, slots=True)
class Mark:
    """One mark of a test, a class or a module.

    Attributes:
        name: its name.
        call: its arguments; None where it is written without.
        line: where it stands.
    """

    name: str
    call: ast.Call | None
    line: int


@dataclass(frozen=True, slots=True)
class RegressionTest:
    """One test that uses the fixture `mlregress`, or carries a marker of the plugin.

    Attributes:
        module: its file.
        names: the classes and the function.
        node: the function.
        marks: those that apply to it, the nearest first.
    """

    module: Module
    names: tuple[str, ...]
    node: ast.FunctionDef | ast.AsyncFunctionDef
    marks: tuple[Mark, ...]

    def marker(self, name: str) -> Mark | None:
        """The nearest mark of a name."""
        return next((mark for mark in self.marks if mark.name == name), None)

    def argument(self, name: str) -> object:
        """An argument of the marker ``mlregress``; None where it is not a literal, or not given."""
        for mark in self.marks:
            if mark.name != "mlregress" or mark.call is None:
                continue
            for keyword in mark.call.keywords:
                if keyword.arg == name:
                    try:
                        value: object = ast.literal_eval(keyword.value)
                    except ValueError:
                        return None
                    return value
        return None


def is_test_file(file: Path, patterns: Iterable[str]) -> bool:
    """Whether pytest collects a file; a pattern with ``/`` matches the end of its path."""
    return any(
        fnmatch(file.as_posix(), f"*/{pattern}") if "/" in pattern else fnmatch(file.name, pattern)
        for pattern in patterns
    )


def may_hold_tests(text: str) -> bool:
    """Whether a file can hold regression tests: their fixture or markers are named in it."""
    return any(name in text for name in ("mlregress", "mark.seeds", "mark.tiers"))


def tests_in(module: Module) -> Iterator[RegressionTest]:
    """The regression tests of a file.

    Args:
        module: a test file.

    Yields:
        Those that can be seen without running it; of a base class in another file nothing can.
    """
    of_module = tuple(_module_marks(module.tree))
    yield from _tests_below(module, module.tree.body, (), of_module)


def _tests_below(
    module: Module, body: Iterable[ast.stmt], classes: tuple[str, ...], marks: tuple[Mark, ...]
) -> Iterator[RegressionTest]:
    for node in body:
        if isinstance(node, ast.ClassDef) and node.name.startswith("Test"):
            own = (*_decorations(node), *_assigned(node.body), *marks)
            yield from _tests_below(module, node.body, (*classes, node.name), own)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            if not node.name.startswith("test"):
                continue
            all_marks = (*_decorations(node), *marks)
            arguments = {argument.arg for argument in node.args.args + node.args.kwonlyargs}
            if "mlregress" in arguments or not _MARKERS.isdisjoint(m.name for m in all_marks):
                yield RegressionTest(module, (*classes, node.name), node, all_marks)


def _decorations(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> Iterator[Mark]:
    for decorator in node.decorator_list:
        yield from _mark(decorator)


def _module_marks(tree: ast.Module) -> Iterator[Mark]:
    yield from _assigned(tree.body)


def _assigned(body: Iterable[ast.stmt]) -> Iterator[Mark]:
    """``pytestmark = pytest.mark.x`` or a list of marks."""
    for node in body:
        match node:
            case ast.Assign(targets=[ast.Name(id="pytestmark")], value=value):
                entries = value.elts if isinstance(value, ast.List | ast.Tuple) else [value]
                for entry in entries:
                    yield from _mark(entry)
            case _:
                pass


def _mark(node: ast.expr) -> Iterator[Mark]:
    call = node if isinstance(node, ast.Call) else None
    match call.func if call is not None else node:
        case ast.Attribute(value=ast.Attribute(attr="mark") | ast.Name(id="mark"), attr=name):
            yield Mark(name, call, node.lineno)
        case _:
            pass
