"""Values that a function makes only where its caller passes none, such as ``rng or default_rng()``.

Whether such a value is ever made depends on the callers: each must pass the parameter, itself or
from a parameter of its own that each of its callers passes.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence

from pytest_mlregress.doctor.python_code import called_name, definitions, keyword_of
from pytest_mlregress.doctor.reachable_code import ReachableCall, ReachableFunction

__all__ = ["is_unused_fallback"]


def is_unused_fallback(call: ReachableCall, calls: Sequence[ReachableCall]) -> bool:
    """Whether a call stands where a parameter is None or false, and every caller passes it.

    Args:
        call: the call.
        calls: all calls that the tests can reach.

    Returns:
        False, too, where no caller is found: then it is not known what is passed.
    """
    return any(
        _always_passed(call.function, parameter, calls, frozenset())
        for parameter in _guards_of(call)
    )


def _guards_of(call: ReachableCall) -> Iterator[str]:
    """The parameters that are None or false wherever the call is made."""
    arguments = call.function.node.args
    parameters = {
        each.arg for each in (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs)
    }
    for node in ast.walk(call.function.node):
        match node:
            case ast.BoolOp(op=ast.Or(), values=[ast.Name(id=name), *others]):
                branch: Sequence[ast.AST] = others
            case ast.If(test=test, body=body, orelse=orelse):
                name, without = _tested(test)
                branch = body if without else orelse
            case ast.IfExp(test=test, body=then, orelse=otherwise):
                name, without = _tested(test)
                branch = [then if without else otherwise]
            case _:
                continue
        if name in parameters and any(call.call in ast.walk(each) for each in branch):
            yield name


def _tested(test: ast.expr) -> tuple[str, bool]:
    """The name that a condition asks for, and whether it holds where there is no value."""
    match test:
        case ast.Compare(
            left=ast.Name(id=name), ops=[operator], comparators=[ast.Constant(value=None)]
        ) if isinstance(operator, ast.Is | ast.Eq | ast.IsNot | ast.NotEq):
            return name, isinstance(operator, ast.Is | ast.Eq)
        case ast.UnaryOp(op=ast.Not(), operand=ast.Name(id=name)):
            return name, True
        case ast.Name(id=name):
            return name, False
        case _:
            return "", False


def _always_passed(
    function: ReachableFunction,
    parameter: str,
    calls: Sequence[ReachableCall],
    asked: frozenset[tuple[int, str]],
) -> bool:
    key = (id(function.node), parameter)
    if key in asked:
        return True  # a recursive call passes on what the first one got
    name = _called_as(function)
    own = [each for each in calls if called_name(each.call) == name]
    return bool(own) and all(
        _passes(each, function, parameter, calls, asked | {key}) for each in own
    )


def _called_as(function: ReachableFunction) -> str:
    """The name of a function in its calls: of ``__init__`` that of the class."""
    if function.node.name != "__init__":
        return function.node.name
    classes = (
        node.name
        for node in definitions(function.module.tree)
        if isinstance(node, ast.ClassDef) and function.node in node.body
    )
    return next(classes, function.node.name)


def _passes(
    call: ReachableCall,
    function: ReachableFunction,
    parameter: str,
    calls: Sequence[ReachableCall],
    asked: frozenset[tuple[int, str]],
) -> bool:
    value = _value_of(call.call, function, parameter)
    if value is None:  # not named; starred arguments may hold it
        return any(isinstance(each, ast.Starred) for each in call.call.args) or any(
            keyword.arg is None for keyword in call.call.keywords
        )
    if isinstance(value, ast.Constant) and value.value is None:
        return False
    if isinstance(value, ast.Name) and _is_optional(call.function, value.id):
        return _always_passed(call.function, value.id, calls, asked)
    return True


def _value_of(call: ast.Call, function: ReachableFunction, parameter: str) -> ast.expr | None:
    arguments = function.node.args
    names = [each.arg for each in (*arguments.posonlyargs, *arguments.args)]
    names = names[1:] if names[:1] in (["self"], ["cls"]) else names
    if parameter in names and names.index(parameter) < len(call.args):
        return call.args[names.index(parameter)]
    return keyword_of(call, parameter)


def _is_optional(function: ReachableFunction, name: str) -> bool:
    """Whether a name is a parameter of a function that is None by default."""
    arguments = function.node.args
    named = [*arguments.posonlyargs, *arguments.args]
    pairs = [
        *zip(named[len(named) - len(arguments.defaults) :], arguments.defaults, strict=True),
        *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True),
    ]
    return any(
        each.arg == name and isinstance(default, ast.Constant) and default.value is None
        for each, default in pairs
    )
