"""The corpus: one file is one correct program, and its directives say how it goes wrong.

A program file is ordinary user code. The names that `hunt` takes are looked up in it:
``make_model``, ``batch`` (or ``make_batch``), ``loss_fn`` and, where the program has them,
``make_optimizer``, ``train_step``, ``evaluate``, ``train_batches``, ``val_batches``, ``ablate``.

A directive is a comment block under the statement that it replaces, indented like it::

    logits = self.head(x)
    # BUG probs: softmax-into-cross-entropy, double-softmax
    #: logits = self.head(x).softmax(-1)

``probs`` names the buggy variant, the slugs are the accepted ones (the main one first), the ``#:``
lines are the buggy code; none of them means that the statement is missing. ``# BUG probs 2:``
replaces the last two statements, ``# BUG probs 0:`` inserts. Directives of one name apply together.
The mistake's lines are the replacement's (only those that end in ``#!`` if any does), or, for a
missing statement, all lines of the function that lacks it. So it is for what a step or an
evaluation forgets (`FORGOTTEN`): any line of the function that forgot. A statement that ends in
``# ALSO probs`` says as much about the mistake as the marked one, such as the loss that takes
logits for log-probabilities.

``# FINE name: why`` is written like ``# BUG``, and what it makes is another correct program: a
look-alike of a mistake.

Directives never reach the checks: each variant is written to a file of its own without them.
"""

from __future__ import annotations

import ast
import atexit
import importlib.util
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal

CORPUS = Path(__file__).parent
PARTS = ("tuning", "blind_1", "blind_2", "blind_3", "blind_4", "blind_5")
BLIND = PARTS[1:]
"""Written by somebody who had read no check, and scored before anybody on the checks read them."""
ARGUMENTS = (
    "make_model",
    "batch",
    "loss_fn",
    "make_optimizer",
    "train_step",
    "evaluate",
    "train_batches",
    "val_batches",
    "ablate",
)
HEADER = re.compile(
    r"^(?P<indent>\s*)# (?P<kind>BUG|FINE) (?P<name>[\w-]+)(?: (?P<count>\d+))?: (?P<says>.+)$"
)
CODE = re.compile(r"^(?P<indent>\s*)#: ?(?P<code>.*)$")

ALSO = re.compile(r"\s+# ALSO (?P<names>[\w ,-]+)$")

# Mistakes of a whole function, and the functions in which they can be put right.
FORGOTTEN = {
    "missing-zero-grad": ("train_step", "update"),
    "missing-train-mode": ("train_step", "evaluate"),
    "missing-eval-mode": ("evaluate",),
}

Kind = Literal["buggy", "fixed", "correct"]


@dataclass(frozen=True)
class Directive:
    """One ``# BUG`` or ``# FINE`` block: where it stands (1-based line) and what it puts there.

    `slugs` is empty for a program that is fine.
    """

    name: str
    line: int
    indent: int
    count: int
    slugs: tuple[str, ...]
    code: tuple[str, ...]


@dataclass(frozen=True)
class Program:
    """One runnable program; `marked` are the 1-based lines of the mistake in `source`."""

    name: str
    part: str
    kind: Kind
    source: str = field(repr=False)
    slugs: tuple[str, ...] = ()
    marked: frozenset[int] = frozenset()

    def build(self) -> dict[str, Any]:
        """Run the program's file afresh and return its keyword arguments for `hunt`."""
        return build_source(self.source, self.name)

    @property
    def path(self) -> Path:
        """The file that a finding's location names."""
        return written(self.source, self.name)


def programs(*parts: str) -> list[Program]:
    """Every program of the parts (default: all), in a stable order."""
    return [
        program
        for part in parts or PARTS
        for path in sorted((CORPUS / part).glob("*.py"))
        if path.stem != "__init__"
        for program in read(path)
    ]


def read(path: Path) -> Iterator[Program]:
    """The correct program in one file, then its buggy variants and its correct ones."""
    text = path.read_text(encoding="utf-8")
    found = list(directives(text))
    stem = f"{path.parent.name}/{path.stem}"
    part = path.parent.name
    fixed, _ = apply(text, found, chosen=None)
    kind: Kind = "fixed" if any(directive.slugs for directive in found) else "correct"
    yield Program(stem, part, kind, fixed)
    for name in dict.fromkeys(directive.name for directive in found):
        mine = [directive for directive in found if directive.name == name]
        source, marked = apply(text, found, chosen=name)
        slugs = tuple(dict.fromkeys(slug for directive in mine for slug in directive.slugs))
        if not slugs:
            yield Program(f"{stem}__{name.replace('-', '_')}", part, "correct", source)
            continue
        yield Program(f"{stem}:{name}", part, "buggy", source, slugs, frozenset(marked))


def directives(text: str) -> Iterator[Directive]:
    """The ``# BUG`` and ``# FINE`` blocks of a file."""
    lines = text.splitlines()
    for number, line in enumerate(lines, start=1):
        header = HEADER.match(line)
        if header is None:
            continue
        code = []
        for follower in lines[number:]:
            match = CODE.match(follower)
            if match is None:
                break
            code.append(match["indent"] + match["code"])
        yield Directive(
            name=header["name"],
            line=number,
            indent=len(header["indent"]),
            count=int(header["count"] or 1),
            slugs=tuple(slug.strip() for slug in header["says"].split(","))
            if header["kind"] == "BUG"
            else (),
            code=tuple(code),
        )


def apply(text: str, found: list[Directive], chosen: str | None) -> tuple[str, list[int]]:
    """The source of the variant `chosen` without any directive, and its marked lines."""
    lines = text.splitlines()
    tree = ast.parse(text)
    mine = [directive for directive in found if directive.name == chosen]
    dropped = directive_lines(found)
    fitting = also_lines(tree, lines, chosen)
    for directive in mine:
        dropped |= {n for node in replaced(tree, lines, directive) for n in span(node)}
        fitting |= {n for function in at_fault(tree, directive) for n in span(function)}
    inserted = {directive.line: directive.code for directive in mine}
    output: list[str] = []
    marked: list[int] = []
    for number, line in enumerate(lines, start=1):
        code = inserted.get(number, ())
        explicit = any(new.rstrip().endswith("#!") for new in code)
        for new in code:
            output.append(new.rstrip().removesuffix("#!").rstrip())
            if new.rstrip().endswith("#!") or not explicit or number in fitting:
                marked.append(len(output))
        if number not in dropped:
            output.append(ALSO.sub("", line))
            if number in fitting:
                marked.append(len(output))
    return "\n".join(output) + "\n", marked


def directive_lines(found: list[Directive]) -> set[int]:
    """The lines that directives take up themselves."""
    return {
        number
        for directive in found
        for number in range(directive.line, directive.line + 1 + len(directive.code))
    }


def also_lines(tree: ast.Module, lines: list[str], chosen: str | None) -> set[int]:
    """Lines of the statements that carry an ``# ALSO`` of the variant."""
    found: set[int] = set()
    for number, line in enumerate(lines, start=1):
        also = ALSO.search(line)
        if also and chosen in also["names"].replace(",", " ").split():
            around = [
                node
                for node in ast.walk(tree)
                if isinstance(node, ast.stmt) and node.lineno <= number <= (node.end_lineno or 0)
            ]
            found.update(span(max(around, key=lambda node: node.lineno)))
    return found


def at_fault(tree: ast.Module, directive: Directive) -> list[ast.FunctionDef | ast.ClassDef]:
    """The functions whose every line counts as the mistake's."""
    around = enclosing(tree, directive)
    if around is None:
        return []
    places = FORGOTTEN.get(directive.slugs[0], ()) if directive.slugs else ()
    if around.name in places:
        functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
        return [function for function in functions if function.name in places]
    return [] if directive.code else [around]


def replaced(tree: ast.AST, lines: list[str], directive: Directive) -> list[ast.stmt]:
    """The `count` statements that end just above the directive, at its indentation."""
    level = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.stmt) and node.col_offset == directive.indent
    ]
    statements: list[ast.stmt] = []
    line = directive.line - 1
    while len(statements) < directive.count:
        while not lines[line - 1].strip() or lines[line - 1].lstrip().startswith("#"):
            line -= 1
        matching = [node for node in level if node.end_lineno == line]
        if not matching:
            raise ValueError(
                f"directive {directive.name!r} at line {directive.line}: no statement with "
                f"indentation {directive.indent} ends at line {line}"
            )
        statements.append(matching[0])
        line = first_line(matching[0]) - 1
    return statements


def span(node: Any) -> range:
    """The lines of a statement, its decorators included."""
    return range(first_line(node), node.end_lineno + 1)


def first_line(node: Any) -> int:
    """The first line of a statement, its decorators included."""
    decorators = getattr(node, "decorator_list", [])
    return int(min([node.lineno, *(decorator.lineno for decorator in decorators)]))


def enclosing(tree: ast.AST, directive: Directive) -> ast.FunctionDef | ast.ClassDef | None:
    """The innermost function or class in which a directive stands, if it stands in one."""
    around = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
        and node.lineno < directive.line
        and node.col_offset < directive.indent
    ]
    return max(around, key=lambda node: node.lineno, default=None)


def build_source(source: str, name: str) -> dict[str, Any]:
    """Import a program's source as a new module and collect what `hunt` takes."""
    path = written(source, name)
    module_name = "corpus_" + re.sub(r"\W", "_", name)
    spec = importlib.util.spec_from_file_location(module_name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    spec.loader.exec_module(module)
    arguments = {key: getattr(module, key) for key in ARGUMENTS if hasattr(module, key)}
    if hasattr(module, "make_batch"):
        arguments["batch"] = module.make_batch
    return arguments


@cache
def workspace() -> Path:
    """The folder of this process in which variants are written as files."""
    folder = Path(tempfile.mkdtemp(prefix="bughunt-corpus-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@cache
def written(source: str, name: str) -> Path:
    """Write a source to a file of its own, named after the program without its variant."""
    stem, _, variant = name.partition(":")
    path = workspace() / (variant or "correct") / f"{stem}.py"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(source, encoding="utf-8")
    return path
