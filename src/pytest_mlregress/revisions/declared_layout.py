"""Where a project's build files say that its packages are, for each build backend."""

from __future__ import annotations

import ast
import configparser
import re
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

__all__ = ["PROJECT_FILES", "declared_folders", "declared_packages", "project_names"]

PROJECT_FILES: Final = ("pyproject.toml", "setup.cfg", "setup.py")
"""A folder that holds one of these is a project."""


def declared_folders(project: Path) -> list[Path]:
    """The folders that top-level packages lie in, as the build files name them.

    Args:
        project: the folder with the build files.

    Returns:
        Existing folders in the order of the files; empty where they name none.
    """
    tool = _table(_pyproject(project), "tool")
    named = [
        *_of_setuptools(_table(tool, "setuptools")),
        *_of_hatch(_table(tool, "hatch", "build")),
        *_of_poetry(_table(tool, "poetry")),
        *_strings(_table(tool, "pdm", "build").get("package-dir")),
        *_of_scikit_build(_table(tool, "scikit-build", "wheel")),
        *_strings(_table(tool, "maturin").get("python-source")),
        *_of_setup_files(project),
    ]
    folders = [project / name for name in named]
    return list(dict.fromkeys(folder for folder in folders if folder.is_dir()))


def declared_packages(project: Path) -> frozenset[str]:
    """The packages that the build files map to a folder of another name.

    Args:
        project: the folder with the build files.

    Returns:
        Dotted names.
    """
    tool = _table(_pyproject(project), "tool")
    wheel = _table(tool, "scikit-build", "wheel")
    sources = _table(tool, "hatch", "build", "targets", "wheel").get("sources")
    mapped = [
        *_table(tool, "setuptools", "package-dir"),
        *(name for name, _ in _package_dirs(project)),
        *_table(wheel, "packages"),
        *(_strings(list(sources.values())) if isinstance(sources, Mapping) else ()),
    ]
    names = (name.replace("/", ".") for name in mapped)
    return frozenset(name for name in names if all(map(str.isidentifier, name.split("."))))


def project_names(project: Path) -> frozenset[str]:
    """The names under which the project is installed, normalized as package indexes do.

    Args:
        project: the folder with the build files.

    Returns:
        The names; empty where they are computed.
    """
    document = _pyproject(project)
    names = [
        *_strings(_table(document, "project").get("name")),
        *_strings(_table(document, "tool", "poetry").get("name")),
        *_strings(_table(document, "tool", "flit", "metadata").get("dist-name")),
        *_strings(_table(document, "tool", "flit", "metadata").get("module")),
        *_strings(_setup_cfg(project).get("metadata", "name", fallback=None)),
        *(value for value in (_constant(_setup_call(project), "name"),) if isinstance(value, str)),
    ]
    return frozenset(re.sub(r"[-_.]+", "-", name).lower() for name in names)


def _of_setuptools(table: Mapping[str, Any]) -> Iterator[str]:
    yield from _strings(_table(table, "package-dir").get(""))
    yield from _strings(_table(table, "packages", "find").get("where"))


def _of_hatch(build: Mapping[str, Any]) -> Iterator[str]:
    wheel = _table(build, "targets", "wheel")
    for table in (wheel, build):
        for package in _strings(table.get("packages")):
            yield _parent(package)
        sources = table.get("sources")
        if isinstance(sources, Mapping):  # "src/foo" = "foo", or "src" = ""
            yield from (
                _parent(folder) if name else folder
                for folder, name in sources.items()
                if not name or folder.endswith(f"/{name}")
            )
        else:
            yield from _strings(sources)
    yield from _strings(build.get("dev-mode-dirs"))


def _of_poetry(table: Mapping[str, Any]) -> Iterator[str]:
    packages = table.get("packages")
    for package in packages if isinstance(packages, list) else ():
        if isinstance(package, Mapping):
            yield from _strings(package.get("from", "."))


def _of_scikit_build(wheel: Mapping[str, Any]) -> Iterator[str]:
    packages = wheel.get("packages")
    if isinstance(packages, Mapping):
        yield from (_parent(folder) for folder in _strings(list(packages.values())))
    else:
        yield from (_parent(folder) for folder in _strings(packages))


def _of_setup_files(project: Path) -> Iterator[str]:
    yield from (folder for name, folder in _package_dirs(project) if not name)
    yield from _setup_cfg(project).get("options.packages.find", "where", fallback="").split()


def _package_dirs(project: Path) -> Iterator[tuple[str, str]]:
    """``package_dir`` of setup.cfg and setup.py: packages and their folders."""
    for line in _setup_cfg(project).get("options", "package_dir", fallback="").splitlines():
        name, equals, folder = line.partition("=")
        if equals:
            yield name.strip(), folder.strip()
    folders = _constant(_setup_call(project), "package_dir")
    if isinstance(folders, Mapping):
        for name, folder in folders.items():
            if isinstance(name, str) and isinstance(folder, str):
                yield name, folder


def _pyproject(project: Path) -> Mapping[str, Any]:
    with suppress(OSError, ValueError):
        return tomllib.loads((project / "pyproject.toml").read_text(encoding="utf-8"))
    return {}


def _setup_cfg(project: Path) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    with suppress(OSError, ValueError, configparser.Error):
        parser.read_string((project / "setup.cfg").read_text(encoding="utf-8"))
    return parser


def _setup_call(project: Path) -> Mapping[str, ast.expr]:
    """The keyword arguments of the call of ``setup`` in setup.py."""
    with suppress(OSError, ValueError, SyntaxError):
        tree = ast.parse((project / "setup.py").read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] == "setup":
                return {word.arg: word.value for word in node.keywords if word.arg is not None}
    return {}


def _constant(arguments: Mapping[str, ast.expr], name: str) -> object:
    with suppress(KeyError, ValueError):
        value: object = ast.literal_eval(arguments[name])
        return value
    return None


def _table(document: Mapping[str, Any], *keys: str) -> Mapping[str, Any]:
    value: object = document
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value if isinstance(value, Mapping) else {}


def _strings(value: object) -> list[str]:
    """A string or the strings of a list."""
    values = value if isinstance(value, list) else [value]
    return [entry for entry in values if isinstance(entry, str)]


def _parent(folder: str) -> str:
    return folder.strip("/").rpartition("/")[0] or "."
