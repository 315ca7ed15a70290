"""Paths of data in the tests' code: which are read, and by which call."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from pytest_mlregress.doctor.python_code import Module, called_name, keyword_of

__all__ = ["WrittenPath", "paths_in", "texts_saved_to"]

_READERS: Final = re.compile(
    r"open|read_\w+|scan_\w+|load(txt|_dataset|_from_disk)?|genfromtxt|memmap|File|imread|listdir"
    r"|scandir|glob|Path|PosixPath|ImageFolder|DatasetFolder|join|load_\w+|from_file|from_pretrained"
    r"|resolve|expanduser|TextLineDataset|TFRecordDataset"
)
_READING: Final = re.compile(
    r"open|read_\w+|scan_\w+|load(txt)?|genfromtxt|memmap|imread|ImageFolder|DatasetFolder"
)
_KEYWORDS: Final = re.compile(r".*(path|dir|root|file|folder|data|ckpt|checkpoint)\w*", re.I)
_WRITERS: Final = re.compile(r"save\w*|to_\w+|write\w*|dump|mkdir|makedirs|savefig|add_argument")


@dataclass(frozen=True, slots=True)
class WrittenPath:
    """A text that is used as a path.

    Attributes:
        module: the file that it stands in.
        text: the path as it is written.
        line: where it stands.
        reads: whether a call reads from it as it is; otherwise it may be a part of another path.
    """

    module: Module
    text: str
    line: int
    reads: bool


def paths_in(module: Module) -> Iterator[WrittenPath]:
    """The texts of a file that are used as paths: handed to a reader, or named as a path.

    Args:
        module: the file.

    Yields:
        Each text; none of those that are written to, and no text in prose.
    """
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call) and not _WRITERS.fullmatch(called_name(node)):
            yield from _in_call(node, module)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            named = ast.unparse(target).rpartition(".")[2]
            if _KEYWORDS.fullmatch(named) and (text := _text(node.value)) is not None:
                yield WrittenPath(module, text, node.lineno, reads=False)
        elif isinstance(node, ast.arguments):
            yield from _in_defaults(node, module)


def texts_saved_to(module: Module) -> set[str]:
    """The texts that a file's code saves something under, which it may read later."""
    return {
        text
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call)
        and (_WRITERS.fullmatch(called_name(node)) or _writes(node))
        and called_name(node) != "add_argument"
        for argument in (*node.args, *(keyword.value for keyword in node.keywords))
        for inner in ast.walk(argument)
        if (text := _text(inner) if isinstance(inner, ast.expr) else None) is not None
    }


def _in_call(call: ast.Call, module: Module) -> Iterator[WrittenPath]:
    name = called_name(call)
    if _READERS.fullmatch(name) and not _writes(call):
        for argument in call.args[:1] if name != "join" else call.args:
            if (text := _text(argument)) is not None:
                reads = _READING.fullmatch(name) is not None and len(call.args) > 0
                yield WrittenPath(module, text, call.lineno, reads=reads)
    for keyword in call.keywords:
        text = _text(keyword.value)
        if keyword.arg and _KEYWORDS.fullmatch(keyword.arg) and text is not None:
            yield WrittenPath(module, text, call.lineno, reads=False)


def _writes(call: ast.Call) -> bool:
    """Whether `open` opens for writing."""
    mode = call.args[1] if len(call.args) > 1 else keyword_of(call, "mode")
    text = _text(mode)
    return called_name(call) == "open" and text is not None and not {"w", "a", "x"}.isdisjoint(text)


def _in_defaults(arguments: ast.arguments, module: Module) -> Iterator[WrittenPath]:
    named = [*arguments.posonlyargs, *arguments.args]
    pairs = [
        *zip(named[len(named) - len(arguments.defaults) :], arguments.defaults, strict=True),
        *zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True),
    ]
    for argument, default in pairs:
        text = _text(default)
        if text is not None and _KEYWORDS.fullmatch(argument.arg):
            yield WrittenPath(module, text, argument.lineno, reads=False)


def _text(node: ast.expr | None) -> str | None:
    """A text, alone or as what an f-string begins with."""
    match node:
        case ast.Constant(value=str() as text):
            return text
        case ast.JoinedStr(values=[ast.Constant(value=str() as text), *_]):
            return text + "{}"
        case ast.Call(func=ast.Attribute(value=ast.Name(id="os"), attr="getenv")):
            return None
        case _:
            return None
