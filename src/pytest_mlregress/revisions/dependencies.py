"""Which declared dependencies differ between the candidate and the base.

Declarations are compared by what they declare: comments, layout, order and a project's own version
are no difference.
"""

from __future__ import annotations

import ast
import configparser
import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, TypeAlias

from pytest_mlregress.revisions.candidate_files import CandidateFiles
from pytest_mlregress.revisions.project_files import is_aside, read_text, read_toml, table
from pytest_mlregress.revisions.selected_tests import is_below

__all__ = ["changed_dependencies"]

Declared: TypeAlias = dict[str, Any]
"""What a file declares, by the key that a message names."""

_MALFORMED: Final = "cannot be parsed"
"""The key of a file that is malformed, whose text is compared."""

_SHOWN: Final = 3
_REQUIREMENTS: Final = re.compile(r"(.*[-_.])?(requirements|constraints)([-_.].*)?\.(txt|in)$")
_ARGUMENTS: Final = ("install_requires", "setup_requires", "extras_require", "python_requires")
_LOCAL_SOURCES: Final = frozenset({"editable", "virtual", "directory", "path"})


def changed_dependencies(
    files: CandidateFiles, root: str, *, candidate: Path, base: Path
) -> tuple[str, ...]:
    """The declarations of dependencies that differ, each as ``file: keys``.

    Args:
        files: the candidate's files.
        root: pytest's rootdir, below the top; requirements and lock files count in the folders
            from the top to it.
        candidate: the top of the candidate's checkout.
        base: the top of the base's.

    Returns:
        One text per file, sorted; empty if both sides need the same environment.
    """
    found = []
    for path in sorted(files.changed):
        read = _reader_of(path, root)
        if read is None:
            continue
        before, now = read(base / path), read(candidate / path)
        keys = sorted(key for key in before.keys() | now.keys() if before.get(key) != now.get(key))
        if _MALFORMED in keys:
            keys = [_MALFORMED]
        if keys:
            more = f" and {len(keys) - _SHOWN} more" if len(keys) > _SHOWN else ""
            shown = (_difference(key, before, now) for key in keys[:_SHOWN])
            found.append(f"{path}: {', '.join(shown)}{more}")
    return tuple(found)


def _difference(key: str, before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """The key, and both values where they are versions."""
    old, new = before.get(key, "none"), now.get(key, "none")
    return f"{key} {old} -> {new}" if isinstance(old, str) and isinstance(new, str) else key


def _reader_of(path: str, root: str) -> Callable[[Path], Declared] | None:
    """How to read a file that declares dependencies; None for any other file."""
    folder, _, name = path.rpartition("/")
    if is_aside(path):
        return None
    if name in _PROJECT_READERS:
        return _PROJECT_READERS[name]
    if not is_below(root, folder) and not (
        folder.rpartition("/")[2] == "requirements" and is_below(root, folder.rpartition("/")[0])
    ):
        return None
    if folder.rpartition("/")[2] == "requirements" and name.endswith((".txt", ".in")):
        return _requirements
    return _requirements if _REQUIREMENTS.fullmatch(name) else _LOCK_READERS.get(name)


def _pyproject(path: Path) -> Declared:
    document = read_toml(path)
    if not document and read_text(path).strip():
        return {_MALFORMED: [read_text(path)]}
    poetry, uv = table(document, "tool", "poetry"), table(document, "tool", "uv")
    found = {
        "project": table(document, "project"),
        "build-system": table(document, "build-system"),
        "tool.poetry": poetry,
        "tool.uv": uv,
        "tool.pdm": table(document, "tool", "pdm"),
    }
    single = (
        *("project.dependencies", "project.requires-python"),
        *("build-system.requires", "build-system.build-backend"),
        *("tool.uv.constraint-dependencies", "tool.uv.override-dependencies"),
        *("tool.uv.dev-dependencies", "tool.uv.sources", "tool.pdm.dev-dependencies"),
    )
    declared: Declared = {}
    for key in single:
        section, _, name = key.rpartition(".")
        if name in found[section]:
            declared[key] = _normal(found[section][name])
    tables = {
        "project.optional-dependencies": table(document, "project", "optional-dependencies"),
        "dependency-groups": table(document, "dependency-groups"),
        "tool.poetry.dependencies": table(poetry, "dependencies"),
        "tool.poetry.dev-dependencies": table(poetry, "dev-dependencies"),
        "tool.setuptools.dynamic": table(document, "tool", "setuptools", "dynamic"),
        **{
            f"tool.poetry.group.{group}": table(poetry, "group", group, "dependencies")
            for group in table(poetry, "group")
        },
    }
    for prefix, entries in tables.items():
        for name, value in entries.items():
            if prefix != "tool.setuptools.dynamic" or "dependencies" in name:
                declared[f"{prefix}.{name}"] = _normal(value)
    return declared


def _normal(value: object) -> object:
    """A value that equals another one if both declare the same; never bare text."""
    if isinstance(value, list):
        return sorted(re.sub(r"\s+", "", str(entry)) for entry in value)
    return [value] if isinstance(value, str) else value


def _setup_cfg(path: Path) -> Declared:
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        parser.read_string(read_text(path))
    except configparser.Error:
        return {_MALFORMED: [read_text(path)]}
    declared: Declared = {}
    for section, keys in (("options", _ARGUMENTS), ("options.extras_require", None)):
        if parser.has_section(section):
            for key, value in parser.items(section):
                if keys is None or key in keys:
                    declared[f"[{section}] {key}"] = sorted(value.split())
    return declared


def _setup_py(path: Path) -> Declared:
    text = read_text(path)
    if "install_requires" not in text:
        return {}
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return {"install_requires": [text]}
    keywords = {
        keyword.arg: keyword.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        for keyword in node.keywords
        if keyword.arg in _ARGUMENTS
    }
    return {
        str(name): [_literal(value) or ast.dump(tree)] for name, value in sorted(keywords.items())
    }


def _literal(value: ast.expr) -> str | None:
    try:
        literal = ast.literal_eval(value)
    except ValueError:
        return None
    return repr(_normal(literal))


def _requirements(path: Path) -> Declared:
    """Each line by itself: the text of a requirement is its own key."""
    joined = read_text(path).replace("\\\n", " ")
    lines = (re.sub(r"(^|\s)#.*", "", line).strip() for line in joined.splitlines())
    return {" ".join(line.split()): True for line in lines if line}


def _toml_lock(path: Path) -> Declared:
    packages = read_toml(path).get("package", [])
    found: dict[str, set[str]] = {}
    for package in packages if isinstance(packages, list) else ():
        if isinstance(package, dict) and not _LOCAL_SOURCES & table(package, "source").keys():
            found.setdefault(str(package.get("name")), set()).add(str(package.get("version")))
    return {name: ", ".join(sorted(versions)) for name, versions in found.items()}


def _pipfile_lock(path: Path) -> Declared:
    try:
        document = json.loads(read_text(path) or "{}")
    except ValueError:
        return {_MALFORMED: [read_text(path)]}
    return {
        name: str(entry.get("version", "any")).removeprefix("==")
        for section in ("develop", "default")
        for name, entry in table(document, section).items()
        if isinstance(entry, dict)
    }


_PROJECT_READERS: Final[Mapping[str, Callable[[Path], Declared]]] = {
    "pyproject.toml": _pyproject,
    "setup.cfg": _setup_cfg,
    "setup.py": _setup_py,
}
_LOCK_READERS: Final[Mapping[str, Callable[[Path], Declared]]] = {
    **dict.fromkeys(("uv.lock", "poetry.lock", "pdm.lock"), _toml_lock),
    "Pipfile.lock": _pipfile_lock,
    **dict.fromkeys(
        ("environment.yml", "environment.yaml", "conda-lock.yml", "pixi.lock"), _requirements
    ),
}
