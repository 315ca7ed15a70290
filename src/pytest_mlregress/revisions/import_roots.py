"""The folders that a checkout's own code is imported from, and the modules that they provide."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from importlib.machinery import BYTECODE_SUFFIXES, EXTENSION_SUFFIXES, SOURCE_SUFFIXES
from pathlib import Path
from typing import Final

from pytest_mlregress.revisions.declared_layout import (
    PROJECT_FILES,
    declared_folders,
    declared_packages,
)

__all__ = ["first_party_names", "import_roots", "project_of"]

_SOURCE_FOLDERS: Final = ("src", "python")
"""Where packages are by convention; ``python`` is that of projects with another language."""

_SUFFIXES: Final = (*SOURCE_SUFFIXES, *BYTECODE_SUFFIXES, *EXTENSION_SUFFIXES)
_NOT_CODE: Final = frozenset(
    {
        *("test", "tests", "testing", "doc", "docs", "benchmarks", "examples", "scripts", "tools"),
        *("build", "dist", "setup", "conftest", "noxfile", "tasks", "fabfile", "node_modules"),
        *("venv", "env", "wandb", "mlruns", "outputs", "data"),
    }
)
"""Folders and files at the top of a project that are not a package, unless they say they are."""

_NEVER: Final = frozenset(
    {"setup", "conftest", "noxfile", "tests", "test", "docs", "build", "dist"}
)
_NAMESPACE_DEPTH: Final = 3


def import_roots(checkout: Path, rootdir: Path, extra: Iterable[Path] = ()) -> tuple[Path, ...]:
    """The folders of a checkout that its own code is imported from, those of pytest first.

    They are the folders of ``extra``, and those of the project that ``rootdir`` belongs to: as its
    build files name them, else ``src``, else the project's folder itself.

    Args:
        checkout: the top folder of the code.
        rootdir: pytest's rootdir, in the checkout.
        extra: further folders, relative to ``rootdir`` or absolute: pytest's ``pythonpath``.

    Returns:
        Existing folders inside the checkout, resolved, each once.
    """
    top = checkout.resolve()
    named = [rootdir / path for path in extra]
    found = [folder.resolve() for folder in (*named, *_roots_of(project_of(rootdir, top)))]
    return tuple(
        dict.fromkeys(folder for folder in found if folder.is_relative_to(top) and folder.is_dir())
    )


def project_of(folder: Path, checkout: Path) -> Path:
    """The nearest folder with build files, at or above a folder.

    Args:
        folder: where to start.
        checkout: where to stop.

    Returns:
        The project's folder; the checkout where there are no build files.
    """
    top, start = checkout.resolve(), folder.resolve()
    for place in (start, *start.parents):
        if _is_project(place):
            return place
        if place == top:
            break
    return top


def _roots_of(project: Path) -> list[Path]:
    declared = declared_folders(project)
    if declared:
        return declared
    for name in _SOURCE_FOLDERS:
        folder = project / name
        if folder.is_dir() and not (folder / "__init__.py").exists() and any(_names_in(folder)):
            return [folder]
    return [project]


def first_party_names(roots: Iterable[Path]) -> frozenset[str]:
    """The modules that the roots provide: top-level ones, and those in namespace packages.

    A package without ``__init__.py`` is shared with other distributions, so that the modules in it
    are named instead: ``acme.layers``.

    Args:
        roots: as `import_roots` gives them.

    Returns:
        Dotted names; tracked by git or not. Tests, build files and virtual environments are none.
    """
    folders = list(roots)
    projects = {place for root in folders for place in (root, root.parent) if _is_project(place)}
    mapped = [name for project in projects for name in declared_packages(project)]
    return frozenset([*mapped, *(name for root in folders for name in _names_in(root))])


def _is_project(folder: Path) -> bool:
    return any((folder / name).is_file() for name in PROJECT_FILES)


def _names_in(root: Path) -> Iterator[str]:
    flat = _is_project(root)
    for entry in _entries(root):
        name = _module_name(entry)
        if name is None or name in _NEVER or name.startswith("test_"):
            continue
        if name in sys.stdlib_module_names:
            continue
        if entry.is_file() or _is_package(Path(entry.path)):
            yield name
        elif not (flat and name in _NOT_CODE):
            yield from _names_below(Path(entry.path), name, _NAMESPACE_DEPTH)


def _names_below(folder: Path, prefix: str, depth: int) -> Iterator[str]:
    """The modules of a package without ``__init__.py``."""
    for entry in _entries(folder):
        name = _module_name(entry)
        if name is None:
            continue
        if entry.is_file() or _is_package(Path(entry.path)):
            yield f"{prefix}.{name}"
        elif depth:
            yield from _names_below(Path(entry.path), f"{prefix}.{name}", depth - 1)


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError:
        return []


def _module_name(entry: os.DirEntry[str]) -> str | None:
    """What an entry of a folder is imported as; None for what is no module."""
    if entry.is_dir():
        is_environment = (Path(entry.path) / "pyvenv.cfg").exists()
        name = "" if is_environment or entry.name == "__pycache__" else entry.name
    else:
        suffix = next((end for end in _SUFFIXES if entry.name.endswith(end)), None)
        name = "" if suffix is None else entry.name.removesuffix(suffix).partition(".")[0]
    return name if name.isidentifier() else None


def _is_package(folder: Path) -> bool:
    return any((folder / f"__init__{suffix}").exists() for suffix in _SUFFIXES)
