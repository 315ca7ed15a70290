"""Files that a function writes itself before it reads them: they are no data set."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Final

from pytest_mlregress.doctor.python_code import called_name
from pytest_mlregress.doctor.reachable_code import ReachableCall, ReachableFunction

__all__ = ["reads_own_file"]

_TEMPORARY: Final = re.compile(
    r"tmp_path(_factory)?|tmpdir(_factory)?|tempfile\.\w+|(Named)?TemporaryFile|TemporaryDirectory"
    r"|mkdtemp|mkstemp"
)
_WRITES: Final = re.compile(r"save\w*|to_\w+|write\w*|dump\w*|tofile|urlretrieve")


def reads_own_file(call: ReachableCall) -> bool:
    """Whether a call reads what its function wrote, or what lies in a temporary folder.

    Args:
        call: a call that reads a file, whose first argument says which.

    Returns:
        False for a call without arguments, and where the file comes from elsewhere.
    """
    given = [*call.call.args, *(keyword.value for keyword in call.call.keywords)]
    if not given:
        return False
    if not _names_in(given[0]).isdisjoint(_temporary_names(call.function)):
        return True
    return any(
        ast.unparse(given[0]) == written
        for line, written in _written(call.function)
        if line < call.line
    )


def _temporary_names(function: ReachableFunction) -> set[str]:
    """The names of temporary folders, and what is made from them."""
    arguments = function.node.args
    found = {
        each.arg
        for each in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)
        if _TEMPORARY.fullmatch(each.arg)
    }
    bindings = list(_bindings(function))
    while True:
        new = {
            name
            for name, value in bindings
            if not _names_in(value).isdisjoint(found)
            or any(
                _TEMPORARY.fullmatch(function.module.name_of(node.func))
                for node in ast.walk(value)
                if isinstance(node, ast.Call)
            )
        }
        if new <= found:
            return found
        found |= new


def _bindings(function: ReachableFunction) -> Iterator[tuple[str, ast.expr]]:
    """The names that a function binds, each with a value."""
    for node in ast.walk(function.node):
        match node:
            case ast.Assign(targets=targets, value=value):
                pass
            case ast.withitem(context_expr=value, optional_vars=ast.expr() as target):
                targets = [target]
            case _:
                continue
        for target in targets:
            yield from ((name, value) for name in _names_in(target))


def _written(function: ReachableFunction) -> Iterator[tuple[int, str]]:
    """What is handed to calls that save, with the line: the arguments, and a path that writes."""
    for node in ast.walk(function.node):
        if isinstance(node, ast.Call) and _WRITES.fullmatch(called_name(node)):
            receiver = [node.func.value] if isinstance(node.func, ast.Attribute) else []
            values = (*receiver, *node.args, *(keyword.value for keyword in node.keywords))
            yield from ((node.lineno, ast.unparse(value)) for value in values)


def _names_in(node: ast.AST) -> set[str]:
    return {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}
