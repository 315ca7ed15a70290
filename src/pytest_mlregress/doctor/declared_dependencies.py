"""The dependencies that a project declares, with the places where it does."""

from __future__ import annotations

import ast
import configparser
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from pytest_mlregress.doctor.project_folder import text_of
from pytest_mlregress.revisions.project_files import table

__all__ = [
    "Dependency",
    "dependencies_in",
    "is_declaration",
    "is_requirements_file",
    "requirements_in",
]

_REQUIREMENTS: Final = re.compile(
    r"(.*[-_.])?(requirements?|constraints?)([-_.].*)?\.(txt|in|lock)"
)
_ENVIRONMENTS: Final = re.compile(r"(.*[-_.])?(environment|conda)([-_.].*)?\.ya?ml")
_INCLUDE: Final = re.compile(r"(-r|--requirement|-c|--constraint)[\s=]+(\S+)")
_TOOLS: Final = re.compile(r"dev|lint|doc|typ(e|ing)|format|style|release|build|pre-?commit|ci\b")
"""Groups of tools that move no number of a training."""


@dataclass(frozen=True, slots=True)
class Dependency:
    """One declared dependency.

    Attributes:
        name: its normalised name.
        text: as it is written.
        specifier: which versions it allows; empty for any.
        pinned: whether it allows one version alone.
        file: where it is declared.
        line: the line; 0 where it cannot be found.
        tools: whether it is declared for developers alone, in a group of linters or documentation.
        constraint: whether the file only constrains what others declare.
    """

    name: str
    text: str
    specifier: str
    pinned: bool
    file: Path
    line: int
    tools: bool = False
    constraint: bool = False


def is_requirements_file(file: Path) -> bool:
    """Whether pip installs from a file, by its name."""
    listed = file.parent.name in ("requirements", "constraints") and file.suffix in (".txt", ".in")
    return listed or _REQUIREMENTS.fullmatch(file.name.lower()) is not None


def is_declaration(file: Path) -> bool:
    """Whether a file declares dependencies, by its name."""
    named = file.name in ("pyproject.toml", "setup.cfg", "setup.py", "Pipfile", "pixi.toml")
    return (
        named
        or is_requirements_file(file)
        or _ENVIRONMENTS.fullmatch(file.name.lower()) is not None
    )


def dependencies_in(file: Path, text: str | None = None) -> list[Dependency]:
    """The dependencies that a file declares.

    Args:
        file: the file, whose name says how to read it.
        text: its text, of another revision; None for the file as it is.

    Returns:
        The dependencies; empty for a file that declares none.

    Raises:
        ValueError: the file cannot be parsed.
    """
    content = text_of(file) if text is None else text
    match file.name:
        case "pyproject.toml":
            return list(_of_pyproject(file, content))
        case "setup.cfg":
            return list(_of_setup_cfg(file, content))
        case "setup.py":
            return list(_of_setup_py(file, content))
        case "Pipfile" | "pixi.toml":
            return list(_of_pipfile(file, content))
        case _ if is_requirements_file(file):
            return list(_of_requirements(file, content, _is_constraint(file)))
        case _:
            return list(_of_conda(file, content))


def requirements_in(file: Path, *, constraint: bool) -> list[Dependency]:
    """The dependencies of a file that pip is told to install from, whatever its name is.

    Args:
        file: the file.
        constraint: whether it is given by ``-c``.

    Returns:
        The dependencies.
    """
    return list(_of_requirements(file, text_of(file), constraint or _is_constraint(file)))


def _is_constraint(file: Path) -> bool:
    return "constraint" in file.name.lower()


def _dependency(
    text: str, file: Path, line: int, *, tools: bool = False, constraint: bool = False
) -> Dependency | None:
    """A requirement of PEP 508; None for what is none, such as a path."""
    try:
        found = Requirement(text)
    except InvalidRequirement:
        return None
    name = canonicalize_name(found.name)
    pinned = _is_fixed_url(found.url) if found.url else _is_one_version(found.specifier)
    return Dependency(
        name, text, str(found.specifier), pinned, file, line, tools=tools, constraint=constraint
    )


def _is_one_version(specifier: SpecifierSet) -> bool:
    return any(
        each.operator in ("==", "===") and not each.version.endswith(".*") for each in specifier
    )


def _is_fixed_url(url: str) -> bool:
    """A commit, a tag or an archive; not the tip of a branch."""
    if url.startswith("git+"):
        return re.search(r"@(v?\d[\w.]*|[0-9a-f]{7,40})(#|$)", url) is not None
    return True


def _of_requirements(
    file: Path, text: str, constraint: bool, seen: frozenset[Path] = frozenset()
) -> Iterator[Dependency]:
    for number, line in _joined(text):
        written = re.sub(r"(^|\s)#.*", "", line).strip()
        if include := _INCLUDE.match(written):
            other = file.parent / include[2]
            if other.is_file() and other not in seen:
                constrains = "-c" in include[1] or _is_constraint(other)
                yield from _of_requirements(other, text_of(other), constrains, seen | {file})
            continue
        requirement = re.split(r"\s+--?\w", written, maxsplit=1)[0].rstrip(" \\")
        if requirement and not requirement.startswith(("-", ".", "/")):
            tools = _TOOLS.search(file.stem.lower()) is not None
            found = _dependency(requirement, file, number, tools=tools, constraint=constraint)
            if found is not None:
                yield found


def _joined(text: str) -> Iterator[tuple[int, str]]:
    """The lines, those that a backslash continues as one."""
    start, joined = 0, ""
    for number, line in enumerate(text.splitlines(), start=1):
        start = start or number
        joined += line.removesuffix("\\")
        if not line.endswith("\\"):
            yield start, joined
            start, joined = 0, ""
    if joined:
        yield start, joined


def _of_pyproject(file: Path, text: str) -> Iterator[Dependency]:
    document = tomllib.loads(text)
    lines = text.splitlines()
    project = table(document, "project")
    groups: dict[str, Any] = {"": project.get("dependencies", [])}
    groups |= table(project, "optional-dependencies")
    groups |= table(document, "dependency-groups")
    groups |= table(document, "tool", "pdm", "dev-dependencies")
    groups |= {"dev": table(document, "tool", "uv").get("dev-dependencies", [])}
    for group, entries in groups.items():
        for entry in entries if isinstance(entries, list) else ():
            if isinstance(entry, str):
                found = _dependency(
                    entry, file, _line_with(lines, entry), tools=bool(_TOOLS.search(group.lower()))
                )
                if found is not None:
                    yield found
    poetry = table(document, "tool", "poetry")
    yield from _of_table(table(poetry, "dependencies"), file, lines)
    yield from _of_table(table(poetry, "dev-dependencies"), file, lines, tools=True)
    for group, entry in table(poetry, "group").items():
        tools = bool(_TOOLS.search(group.lower()))
        yield from _of_table(table(entry, "dependencies"), file, lines, tools=tools)


def _of_table(
    entries: Mapping[str, Any], file: Path, lines: list[str], *, tools: bool = False
) -> Iterator[Dependency]:
    """Names and versions, as Poetry and Pipenv write them."""
    for name, entry in entries.items():
        given = entry.get("version", "*") if isinstance(entry, dict) else entry
        if name == "python" or not isinstance(given, str):
            continue
        if isinstance(entry, dict) and "path" in entry:
            continue  # a part of the repository
        fixed = isinstance(entry, dict) and not {"rev", "tag", "url"}.isdisjoint(entry)
        exact = re.fullmatch(r"={0,3}\s*\d[\w.+!-]*", given.strip()) is not None
        written = f"{name} {given}" if given != "*" else name
        line = next(
            (n for n, each in enumerate(lines, 1) if re.match(rf"[\"']?{re.escape(name)}\b", each)),
            0,
        )
        normal = given.strip() if re.match(r"[<>=!~]", given.strip()) else ""
        yield Dependency(
            canonicalize_name(name), written, normal, fixed or exact, file, line, tools=tools
        )


def _of_pipfile(file: Path, text: str) -> Iterator[Dependency]:
    document = tomllib.loads(text)
    for key in ("packages", "dependencies", "pypi-dependencies"):
        yield from _of_table(table(document, key), file, text.splitlines())
    yield from _of_table(table(document, "dev-packages"), file, text.splitlines(), tools=True)


def _of_setup_cfg(file: Path, text: str) -> Iterator[Dependency]:
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        parser.read_string(text)
    except configparser.Error as error:
        raise ValueError(str(error)) from None
    entries = [("", parser.get("options", "install_requires", fallback=""))]
    if parser.has_section("options.extras_require"):
        entries += parser.items("options.extras_require")
    for group, value in entries:
        yield from _of_lines(value.splitlines(), file, text, bool(_TOOLS.search(group.lower())))


def _of_setup_py(file: Path, text: str) -> Iterator[Dependency]:
    try:
        tree = ast.parse(text)
    except SyntaxError as error:
        raise ValueError(str(error)) from None
    for node in ast.walk(tree):
        if isinstance(node, ast.keyword) and node.arg == "install_requires":
            try:
                value = ast.literal_eval(node.value)
            except ValueError:
                continue
            entries = value.splitlines() if isinstance(value, str) else value
            written = [
                entry
                for entry in (entries if isinstance(entries, list | tuple) else ())
                if isinstance(entry, str)
            ]
            yield from _of_lines(written, file, text, False)


def _of_lines(entries: Iterable[str], file: Path, text: str, tools: bool) -> Iterator[Dependency]:
    lines = text.splitlines()
    for entry in filter(None, map(str.strip, entries)):
        found = _dependency(entry, file, _line_with(lines, entry), tools=tools)
        if found is not None:
            yield found


def _of_conda(file: Path, text: str) -> Iterator[Dependency]:
    """``environment.yml``, whose lists of names are all that matters."""
    inside = False
    for number, line in enumerate(text.splitlines(), start=1):
        if re.match(r"\w", line):
            inside = line.startswith("dependencies")
        found = re.match(r"\s*-\s+[\"']?(?:[\w-]+::)?([\w.\-\[\]]+)\s*([^#\"']*)", line)
        if not inside or found is None or line.rstrip().endswith(":"):
            continue
        name, version = found[1], found[2].strip()
        if canonicalize_name(name) in ("python", "pip"):
            continue
        exact = re.fullmatch(r"==?\s*\d+(\.\d+){1,}[\w.+*]*(=.*)?", version) is not None
        pinned = exact and "*" not in version
        normal = version if re.match(r"[<>!~]|==", version) else ""
        yield Dependency(
            canonicalize_name(name.partition("[")[0]), f"{name}{version}", normal, pinned, file,
            number,
        )  # fmt: skip


def _line_with(lines: list[str], text: str) -> int:
    return next((number for number, line in enumerate(lines, start=1) if text in line), 0)
