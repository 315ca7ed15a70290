"""Which lines and functions differ between two checkouts, for the files that a trace names."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import cached_property
from pathlib import Path
from typing import Final, Literal

from pytest_mlregress.divergence.events import Frame

Side = Literal["base", "candidate"]
SIDES: Final[tuple[Side, Side]] = ("candidate", "base")


@dataclass(frozen=True, slots=True)
class Function:
    """A function of a file.

    Attributes:
        name: its qualified name.
        first: its first line, that of its first decorator.
        last: its last line.
    """

    name: str
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class _Text:
    lines: tuple[str, ...]
    functions: tuple[Function, ...]
    statements: tuple[tuple[int, int], ...]


class ChangedLines:
    """The difference of two checkouts.

    Args:
        base: the top folder of one.
        candidate: that of the other.
        files: relative paths of the files to compare.
    """

    def __init__(self, base: Path, candidate: Path, files: Iterable[str]) -> None:
        self._roots = {"base": base, "candidate": candidate}
        self._files = sorted(set(files))
        self._texts: dict[tuple[Side, str], _Text] = {}

    @cached_property
    def lines(self) -> dict[tuple[Side, str], frozenset[int]]:
        """The changed lines of each side and file, from 1; blank ones and comments do not count."""
        found: dict[tuple[Side, str], frozenset[int]] = {}
        for file in self._files:
            texts = {side: self._text(side, file).lines for side in SIDES}
            matcher = SequenceMatcher(None, texts["base"], texts["candidate"], autojunk=False)
            changed: dict[Side, set[int]] = {"base": set(), "candidate": set()}
            for tag, i1, i2, j1, j2 in matcher.get_opcodes():
                if tag != "equal":
                    changed["base"] |= _code(texts["base"], i1, i2)
                    changed["candidate"] |= _code(texts["candidate"], j1, j2)
            for side in SIDES:
                found[side, file] = frozenset(changed[side])
        return found

    @property
    def files(self) -> tuple[str, ...]:
        """The files with a changed line."""
        return tuple(f for f in self._files if any(self.lines[side, f] for side in SIDES))

    def changed_line(self, side: Side, frame: Frame) -> int | None:
        """The changed line of the statement that a frame runs; None where it is unchanged.

        Args:
            side: whose frame it is.
            frame: the frame.
        """
        lines = self.lines.get((side, frame.file), frozenset())
        if frame.line in lines:
            return frame.line
        first, last = self._statement(side, frame)
        return next((line for line in range(first, last + 1) if line in lines), None)

    def line_in_function(self, file: str, function: str) -> tuple[Side, int] | None:
        """The first changed line inside a function, on either side, outside of nested functions.

        Args:
            file: the file.
            function: the qualified name of the function.
        """
        for side in SIDES:
            for line in sorted(self.lines.get((side, file), ())):
                if self.function_at(side, file, line) == function:
                    return side, line
        return None

    def function_at(self, side: Side, file: str, line: int) -> str:
        """The innermost function that a line belongs to; ``<module>`` outside of functions.

        Args:
            side: whose file it is.
            file: the file.
            line: the line.
        """
        around = [f for f in self._text(side, file).functions if f.first <= line <= f.last]
        return min(around, key=lambda f: f.last - f.first).name if around else "<module>"

    def functions(self) -> dict[tuple[str, str], tuple[Side, int]]:
        """The changed functions, by file and name, each with its first changed line."""
        found: dict[tuple[str, str], tuple[Side, int]] = {}
        for (side, file), lines in self.lines.items():
            for line in sorted(lines):
                found.setdefault((file, self.function_at(side, file, line)), (side, line))
        return found

    def _statement(self, side: Side, frame: Frame) -> tuple[int, int]:
        spans = self._text(side, frame.file).statements
        around = [(a, b) for a, b in spans if a <= frame.line <= b]
        return min(around, key=lambda span: span[1] - span[0], default=(frame.line, frame.line))

    def _text(self, side: Side, file: str) -> _Text:
        if (side, file) not in self._texts:
            self._texts[side, file] = _read(self._roots[side] / file)
        return self._texts[side, file]


def _read(path: Path) -> _Text:
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return _Text((), (), ())
    lines = tuple(line.rstrip() for line in text.splitlines())
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return _Text(lines, (), ())
    return _Text(lines, tuple(_functions(tree, "")), tuple(_statements(tree)))


def _code(lines: tuple[str, ...], start: int, stop: int) -> set[int]:
    return {
        number + 1
        for number in range(start, stop)
        if lines[number].strip() and not lines[number].lstrip().startswith("#")
    }


def _functions(node: ast.AST, prefix: str) -> Iterator[Function]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            name = f"{prefix}{child.name}"
            if not isinstance(child, ast.ClassDef):
                first = min([child.lineno, *(d.lineno for d in child.decorator_list)])
                yield Function(name, first, child.end_lineno or child.lineno)
            yield from _functions(child, f"{name}.")
        else:
            yield from _functions(child, prefix)


def _statements(tree: ast.AST) -> Iterator[tuple[int, int]]:
    """The lines of every statement; of one with a body, those of its head."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.stmt):
            continue
        last = node.end_lineno or node.lineno
        body = getattr(node, "body", None)
        if isinstance(body, list) and body and isinstance(body[0], ast.stmt):
            last = max(node.lineno, body[0].lineno - 1)
        decorators = getattr(node, "decorator_list", [])
        yield min([node.lineno, *(d.lineno for d in decorators)]), last
