"""Whether the compiled extensions of the candidate can serve the base, too."""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from pytest_mlregress.revisions.candidate_files import CandidateFiles
from pytest_mlregress.revisions.project_files import is_aside, read_text, read_toml, table
from pytest_mlregress.revisions.selected_tests import is_below

__all__ = ["changed_extension_sources"]

_SOURCE: Final = re.compile(
    r"\.(c|cc|cpp|cxx|c\+\+|h|hh|hpp|hxx|inl|cu|cuh|hip|pyx|pxd|pxi|rs|f|for|f90|f95|f03|m|mm"
    r"|cmake)$",
    re.IGNORECASE,
)
_BUILD_FILES: Final = frozenset(
    {
        *("CMakeLists.txt", "meson.build", "meson.options", "meson_options.txt"),
        *("Cargo.toml", "Cargo.lock", "MANIFEST.in"),
    }
)
_BACKENDS: Final = re.compile(r"mesonpy|scikit_build_core|maturin|py_build_cmake|sipbuild")
_BUILDERS: Final = re.compile(
    r"(cython|pybind11|nanobind|scikit-build|scikit-build-core|setuptools-rust|cffi|maturin"
    r"|meson-python|torch)\b",
    re.IGNORECASE,
)
_SETUP_BUILDS: Final = re.compile(
    r"ext_modules|cythonize|(Cpp|CUDA|Sycl|Rust|CMake|Cython)Extension|rust_extensions|cffi_modules"
)


def changed_extension_sources(
    files: CandidateFiles, *, candidate: Path, base: Path
) -> tuple[str, ...]:
    """The sources of compiled extensions that differ between the two sides.

    A project that builds no extension has none, whatever C files lie in it.

    Args:
        files: the candidate's files.
        candidate: the top of the candidate's checkout.
        base: the top of the base's.

    Returns:
        The files and the submodules with sources, sorted, below the top.
    """
    projects = _building_projects(files, (candidate, base))
    if not projects:
        return ()
    return tuple(
        sorted(
            path
            for path in files.changed
            if not is_aside(path)
            and any(is_below(path, project) for project in projects)
            and _goes_into_a_build(path, candidate, base)
        )
    )


def _building_projects(files: CandidateFiles, tops: tuple[Path, Path]) -> set[str]:
    """The folders of the projects that build extensions, on either side."""
    declared = {
        path.rpartition("/")[0]
        for path in files.tracked | files.removed | files.untracked
        if path.rpartition("/")[2] in ("pyproject.toml", "setup.py") and not is_aside(path)
    }
    return {folder for folder in declared if any(_builds(top / folder) for top in tops)}


def _builds(project: Path) -> bool:
    if _SETUP_BUILDS.search(read_text(project / "setup.py")):
        return True
    document = read_toml(project / "pyproject.toml")
    build = table(document, "build-system")
    if _BACKENDS.match(str(build.get("build-backend", ""))):
        return True
    required = build.get("requires", [])
    if isinstance(required, list) and any(_BUILDERS.match(str(name)) for name in required):
        return True
    tool = table(document, "tool")
    return bool(
        table(tool, "setuptools").get("ext-modules")
        or table(tool, "poetry", "build").get("script")
        or "cython" in str(table(tool, "hatch", "build"))
    )


def _goes_into_a_build(path: str, candidate: Path, base: Path) -> bool:
    name = path.rpartition("/")[2]
    if _SOURCE.search(name) or name in _BUILD_FILES:
        return True
    if name == "setup.py":
        return _parsed(candidate / path) != _parsed(base / path)
    return (candidate / path / ".git").exists() and _holds_sources(candidate / path)


def _parsed(path: Path) -> str:
    """A module without its comments and layout; its text if it cannot be parsed."""
    text = read_text(path)
    try:
        return ast.dump(ast.parse(text))
    except (SyntaxError, ValueError):
        return text


def _holds_sources(folder: Path) -> bool:
    names: Iterable[str] = (name for _, _, files in os.walk(folder) for name in files)
    return any(_SOURCE.search(name) or name in _BUILD_FILES for name in names)
