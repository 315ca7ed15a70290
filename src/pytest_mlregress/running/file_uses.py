"""What a first-party file asks of the machine without an audit event, found in its syntax tree."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pytest_mlregress.running.reads import file_digest

_ASKS: Final = "asks whether a file exists or changed"
_COMPUTES: Final = "reads environment variables by computed names"


@dataclass(frozen=True, slots=True)
class UsesOfFile:
    """What one file's syntax tree says of the state of the machine that its code uses.

    Attributes:
        variables: the environment variables that it reads by constant names, sorted.
        unseen: what else it uses and no hash covers, in words, with the first line of each.
    """

    variables: tuple[str, ...] = ()
    unseen: tuple[tuple[str, int], ...] = ()


_known: dict[tuple[str, str], UsesOfFile] = {}


def uses_of(file: Path) -> UsesOfFile:
    """The uses of a file, found once for each content.

    Args:
        file: a Python file.

    Returns:
        Its uses; none of a file that cannot be parsed, which no seed can import either.
    """
    key = (str(file), file_digest(file))
    if key not in _known:
        try:
            _known[key] = _scanned(ast.parse(file.read_bytes()))
        except (OSError, SyntaxError, ValueError, RecursionError):
            _known[key] = UsesOfFile()
    return _known[key]


_QUESTIONS: Final = frozenset(
    {
        *("exists", "lexists", "is_file", "is_dir", "is_symlink", "isfile", "isdir", "islink"),
        *("stat", "lstat", "getsize", "getmtime", "getctime", "getatime", "samefile"),
    }
)
"""Methods of paths, and functions of `os` and `os.path`, that raise no event."""

_OF_PATHS: Final = frozenset({"os", "os.path", "posixpath", "ntpath", "genericpath"})
_ENVIRONMENT: Final = frozenset({"environ", "environb", "getenv", "getenvb"})
_READS_ONE: Final = frozenset({"get", "pop", "setdefault"})


def _scanned(tree: ast.Module) -> UsesOfFile:
    variables: set[str] = set()
    unseen: dict[str, int] = {}
    understood: set[ast.AST] = set()
    for node in ast.walk(tree):  # parents before what is in them
        found = _use_of_environment(node)
        if found is not None:
            mapping, name = found
            understood.add(mapping)
            if name is not None:
                variables.add(name)
        if node not in understood and _is_environment(node):
            _note(unseen, _COMPUTES, node)
        if isinstance(node, ast.ImportFrom) and node.module in _OF_PATHS:
            names = {alias.name for alias in node.names}
            if not names.isdisjoint(_QUESTIONS | {"access"}):
                _note(unseen, _ASKS, node)
            if any(alias.name in _ENVIRONMENT and alias.asname for alias in node.names):
                _note(unseen, _COMPUTES, node)
        if isinstance(node, ast.Attribute) and _asks(node):
            _note(unseen, _ASKS, node)
    return UsesOfFile(tuple(sorted(variables)), tuple(unseen.items()))


def _use_of_environment(node: ast.AST) -> tuple[ast.AST, str | None] | None:
    """The mapping, or `getenv`, in a use that is understood, and the variable that it reads."""
    match node:
        case ast.AugAssign(
            target=ast.Subscript(value=mapping, slice=ast.Constant(value=str() as name))
        ):
            pass
        case ast.Subscript(value=mapping, ctx=ast.Store() | ast.Del()):
            return (mapping, None) if _is_environment(mapping) else None
        case ast.Subscript(value=mapping, slice=ast.Constant(value=str() as name)):
            pass
        case ast.Call(
            func=ast.Attribute(value=mapping, attr=method),
            args=[ast.Constant(value=str() as name), *_],
        ) if method in _READS_ONE:
            pass
        case ast.Call(func=ast.Attribute(value=mapping, attr="update")):
            return (mapping, None) if _is_environment(mapping) else None
        case ast.Compare(
            left=ast.Constant(value=str() as name),
            ops=[ast.In() | ast.NotIn()],
            comparators=[mapping],
        ):
            pass
        case ast.Call(func=mapping, args=[ast.Constant(value=str() as name), *_]):
            pass
        case _:
            return None
    return (mapping, name) if _is_environment(mapping) else None


def _is_environment(node: ast.AST) -> bool:
    return (isinstance(node, ast.Attribute) and node.attr in _ENVIRONMENT) or (
        isinstance(node, ast.Name) and node.id in _ENVIRONMENT and isinstance(node.ctx, ast.Load)
    )


def _asks(node: ast.Attribute) -> bool:
    if node.attr == "access":  # the name of many another method
        return isinstance(node.value, ast.Name) and node.value.id == "os"
    return node.attr in _QUESTIONS


def _note(unseen: dict[str, int], words: str, node: ast.expr | ast.stmt | ast.AST) -> None:
    unseen.setdefault(words, getattr(node, "lineno", 0))
