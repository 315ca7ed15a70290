"""Syntax trees of the project's Python files, with what the names in them were imported as."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TypeAlias

from pytest_mlregress.doctor.project_folder import text_of

__all__ = ["Definition", "Module", "called_name", "constant_int", "keyword_of", "parse"]

Definition: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


@dataclass(frozen=True)
class Module:
    """One file of Python.

    Attributes:
        file: where it is.
        tree: its syntax tree.
    """

    file: Path
    tree: ast.Module

    @cached_property
    def aliases(self) -> dict[str, str]:
        """The dotted name behind each imported name, such as ``np`` for ``numpy``."""
        return _aliases(self.tree)

    @cached_property
    def constants(self) -> dict[str, int]:
        """The integers that its top level names once."""
        return _constants(self.tree)

    def name_of(self, node: ast.expr) -> str:
        """The dotted name of an expression with imports resolved; empty for other expressions."""
        parts: list[str] = []
        while isinstance(node, ast.Attribute):
            parts.append(node.attr)
            node = node.value
        if not isinstance(node, ast.Name):
            return ""
        return ".".join([self.aliases.get(node.id, node.id), *reversed(parts)])

    def constant_int(self, node: ast.expr | None) -> int | None:
        """The integer that an expression always is, itself or through a constant of the module."""
        match node:
            case ast.Constant(value=int() as value) if not isinstance(value, bool):
                return value
            case ast.Name(id=name):
                return self.constants.get(name)
            case _:
                return None


def parse(file: Path) -> Module | None:
    """Parse a file.

    Args:
        file: a Python file.

    Returns:
        The module; None where it is no valid Python.
    """
    try:
        tree = ast.parse(text_of(file))
    except (SyntaxError, ValueError, RecursionError):
        return None
    return Module(file, tree)


def _aliases(tree: ast.Module) -> dict[str, str]:
    found: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                name = alias.name if alias.asname else alias.name.partition(".")[0]
                found[alias.asname or name] = name
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            for alias in node.names:
                found[alias.asname or alias.name] = f"{base}.{alias.name}".lstrip(".")
    return found


def _constants(tree: ast.Module) -> dict[str, int]:
    """Names of the top level that are assigned one integer, and nothing else anywhere."""
    assigned: dict[str, list[ast.expr | None]] = {}
    for node in ast.walk(tree):
        targets: Sequence[ast.expr] = ()
        value: ast.expr | None = None
        match node:
            case ast.Assign(targets=targets, value=value):
                pass
            case ast.AnnAssign(target=annotated, value=value):
                targets = (annotated,)
            case ast.AugAssign(target=changed) | ast.NamedExpr(target=changed):
                targets = (changed,)
            case ast.arg(arg=name):
                assigned.setdefault(name, []).append(None)
            case _:
                pass
        for target in targets:
            if isinstance(target, ast.Name):
                assigned.setdefault(target.id, []).append(value)
    top = {
        node.targets[0].id
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }
    found = {}
    for name in top:
        values = assigned.get(name, [])
        if len(values) == 1 and (number := constant_int(values[0])) is not None:
            found[name] = number
    return found


def constant_int(node: ast.expr | None) -> int | None:
    """The value of an integer literal; None for other expressions."""
    if isinstance(node, ast.Constant) and type(node.value) is int:
        return node.value
    return None


def called_name(call: ast.Call) -> str:
    """The last part of the name that is called: ``train`` of ``model.train()``."""
    match call.func:
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
        case _:
            return ""


def keyword_of(call: ast.Call, *names: str) -> ast.expr | None:
    """The value of the first of some keywords; None without them."""
    for name in names:
        for keyword in call.keywords:
            if keyword.arg == name:
                return keyword.value
    return None


def definitions(tree: ast.Module) -> Iterator[Definition]:
    """Every function and class of a module, those within others included."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node
