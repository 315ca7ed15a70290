"""Sets of strings whose order reaches the data: it changes with every process."""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterator
from typing import Final

from pytest_mlregress.doctor.ci_files import ci_files
from pytest_mlregress.doctor.finding import DoctorFinding
from pytest_mlregress.doctor.project import Project
from pytest_mlregress.doctor.python_code import keyword_of
from pytest_mlregress.doctor.reachable_code import ReachableFunction, reachable_functions
from pytest_mlregress.doctor.registry import Question, check

HASH_SEED: Final = Question(
    "hash-seed",
    "seeds",
    "No list, tuple or numbering is made from a set of strings without `sorted`, or "
    "`PYTHONHASHSEED` is set.",
)

_VARIABLE: Final = "PYTHONHASHSEED"
_SET: Final = re.compile(rf"{_VARIABLE}['\"\]]*\s*[:=]\s*['\"]?\d")
_ORDERED_BY: Final = frozenset({"list", "tuple", "enumerate", "array", "asarray", "Tensor"})
_ORDER_FREE: Final = frozenset(
    {"sorted", "len", "sum", "min", "max", "set", "frozenset", "any", "all"}
)
_TEXTS: Final = re.compile(
    r"text|word|token|char|name|vocab|string|categor|file|path|symbol"
    r"|\.split\(|\.read\(|\.readlines\(|\.lower\(",
    re.IGNORECASE,
)


@check(HASH_SEED)
def hash_seed(project: Project) -> Iterator[DoctorFinding]:
    """Look for orders taken from sets of strings in the functions that the tests reach."""
    functions = reachable_functions(project, project.require_tests())
    found = [
        (function, node)
        for function in functions
        for without_order in [_without_order(function)]
        for node in ast.walk(function.node)
        if isinstance(node, ast.Call)
        and _takes_order(node, function)
        and id(node) not in without_order
    ]
    if not found:
        yield HASH_SEED.ok(
            "no order is taken from a set of strings, so PYTHONHASHSEED is not needed"
        )
        return
    where = _where_set(project)
    for function, node in found:
        place = project.place(function.module.file, node.lineno)
        written = ast.unparse(node)
        if where:
            yield HASH_SEED.ok(f"{written} takes the order of a set; {where}", place)
            continue
        yield HASH_SEED.warning(
            f"{written} takes the order of a set, which differs in every process if it holds "
            "strings; PYTHONHASHSEED is set neither here nor in a CI file",
            "sort it: sorted(set(...)); or set PYTHONHASHSEED=0 wherever the tests run",
            place,
        )


def _takes_order(node: ast.Call, function: ReachableFunction) -> bool:
    """``list(set(words))`` and the like; ``sorted(set(words))`` has an order of its own."""
    name = function.module.name_of(node.func).rpartition(".")[2]
    if name not in _ORDERED_BY or not node.args:
        return False
    inner = node.args[0]
    if isinstance(inner, ast.Call) and name not in ("list", "tuple", "enumerate"):
        is_list = function.module.name_of(inner.func) in ("list", "tuple")
        inner = inner.args[0] if is_list and inner.args else inner
    match inner:
        case ast.Call(func=ast.Name(id="set" | "frozenset"), args=[argument]):
            return _TEXTS.search(ast.unparse(argument)) is not None
        case ast.SetComp() | ast.Set():
            return _TEXTS.search(ast.unparse(inner)) is not None
        case _:
            return False


def _without_order(function: ReachableFunction) -> set[int]:
    """The expressions whose order is lost at once, as ids of their nodes."""
    found: set[int] = set()
    for node in ast.walk(function.node):
        if isinstance(node, ast.Call) and _is_order_free(node):
            found |= {id(argument) for argument in node.args}
        for body in (getattr(node, field, None) for field in ("body", "orelse", "finalbody")):
            if isinstance(body, list):
                found |= {
                    id(statement.value)
                    for number, statement in enumerate(body)
                    if isinstance(statement, ast.Assign)
                    and _order_unused(
                        statement.targets,
                        body[number + 1 :],
                        is_whole=body is function.node.body,
                    )
                }
    return found


def _is_order_free(call: ast.Call) -> bool:
    """Whether a function gives the same for any order; with a key, ties follow the order."""
    return (
        isinstance(call.func, ast.Name)
        and call.func.id in _ORDER_FREE
        and keyword_of(call, "key") is None
    )


def _order_unused(targets: list[ast.expr], following: list[ast.stmt], *, is_whole: bool) -> bool:
    """Whether a name is sorted before anything uses its order.

    Args:
        targets: what is assigned.
        following: the statements after it in its block.
        is_whole: whether nothing of the function comes after them.
    """
    match targets:
        case [ast.Name(id=name)]:
            pass
        case _:
            return False
    for statement in following:
        match statement:
            case ast.Expr(
                value=ast.Call(func=ast.Attribute(value=ast.Name(id=used), attr="sort")) as call
            ) if used == name:
                return keyword_of(call, "key") is None
            case ast.Assign(targets=[ast.Name(id=used)], value=ast.Call() as call) if used == name:
                return _is_order_free(call)
            case _ if not _only_order_free(name, statement):
                return False
            case _:
                pass
    return is_whole


def _only_order_free(name: str, statement: ast.stmt) -> bool:
    """Whether a statement leaves a name alone, or only counts it and the like."""
    nodes = list(ast.walk(statement))
    allowed = {
        id(argument)
        for node in nodes
        if isinstance(node, ast.Call) and _is_order_free(node)
        for argument in node.args
    }
    return all(
        id(node) in allowed for node in nodes if isinstance(node, ast.Name) and node.id == name
    )


def _where_set(project: Project) -> str:
    if os.environ.get(_VARIABLE, "random") != "random":
        return f"{_VARIABLE}={os.environ[_VARIABLE]} in this environment"
    for file in ci_files(project):
        for number, line in enumerate(file.lines, start=1):
            if _SET.search(line):
                return f"{_VARIABLE} is set in {project.place(file.path, number)}"
    return ""
