"""Data that git does not track, linked into the base's checkout where nothing is there.

A data set in a folder that git ignores is the same for both sides. Code is not data: the base must
not get the candidate's modules, nor what was built from them.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import translate
from pathlib import Path
from typing import Final

from pytest_mlregress.baselines.paths import FOLDER
from pytest_mlregress.revisions.candidate_files import CandidateFiles
from pytest_mlregress.revisions.data_folders import link_folders
from pytest_mlregress.revisions.place_file import link_or_copy
from pytest_mlregress.revisions.repository import run_git, split_names

__all__ = ["IgnoredFiles", "LinkedData", "link_data", "link_extension_modules", "list_ignored"]

_NOT_DATA: Final = (
    # caches
    *("__pycache__", ".*_cache", ".cache", ".hypothesis", ".benchmarks", ".ipynb_checkpoints"),
    *(".coverage*", "coverage.xml", "htmlcov", ".DS_Store"),
    # environments and builds
    *(".venv*", "venv*", "env", "virtualenv", ".tox", ".nox", ".direnv", ".conda", ".pixi"),
    *("node_modules", "build", "dist", "_build", "_skbuild", "cmake-build-*", "wheels"),
    *("*.egg-info", "*.egg", ".eggs", "*.dist-info", "site-packages", "target"),
    # editors, secrets, and what is ours
    *(".git", ".idea", ".vscode", ".env", ".env.*", ".envrc", FOLDER),
)
_WITHHELD: Final = re.compile("|".join(map(translate, _NOT_DATA)))
_OUTPUTS: Final = frozenset(
    (
        *("outputs", "runs", "checkpoints", "wandb", "mlruns"),
        *("lightning_logs", "multirun", "tb_logs"),
    )
)
"""Folders that training writes: what one side leaves there must not be found by the other."""

_CODE: Final = re.compile(
    r"\.(py[icodwx]?|pxd|pxi|c|cc|cpp|cxx|cu|cuh|h|hh|hpp|rs|f90|f|o|a|so|pyd|dll|dylib|pth"
    r"|toml|cfg|ini|lock)$|(^|/)(requirements|constraints|environment)[^/]*\.(txt|in|ya?ml)$"
    r"|(^|/)(CMakeLists\.txt|meson\.build)$",
    re.IGNORECASE,
)
"""Code, what is built from it, and what declares or configures a project."""

_EXTENSION_MODULE: Final = re.compile(r"\.(so|pyd)$")
_GENERATED_VERSION: Final = re.compile(r"(^|/)(_*version_*|_*about_*|_scm_version)\.py$")
"""What setuptools-scm, hatch-vcs and their like write beside the code, which imports it."""


@dataclass(frozen=True, slots=True)
class IgnoredFiles:
    """What git ignores in a checkout, by its path below the top.

    Attributes:
        data: files and folders of data; a folder that is ignored as a whole is one entry.
        extension_modules: compiled modules that were built beside the code.
        versions: modules with the version, which a build tool wrote beside the code.
        withheld: caches, environments, builds, code and secrets.
    """

    data: tuple[str, ...]
    extension_modules: tuple[str, ...]
    versions: tuple[str, ...]
    withheld: tuple[str, ...]


def list_ignored(top: Path) -> IgnoredFiles:
    """What git ignores in a checkout, by what it may be used for.

    Args:
        top: the top of the checkout.

    Returns:
        The files and folders.

    Raises:
        WorktreeError: git failed.
    """
    listing = split_names(
        run_git(top, "ls-files", "-z", "-o", "-i", "--exclude-standard", "--directory")
    )
    names = [name for name in listing if not _is_never_data(name)]
    data = [name for name in names if not _CODE.search(name)]
    return IgnoredFiles(
        data=tuple(name.rstrip("/") for name in data),
        withheld=tuple(set(listing).difference(data)),
        extension_modules=tuple(name for name in names if _EXTENSION_MODULE.search(name)),
        versions=tuple(name for name in names if _GENERATED_VERSION.search(name)),
    )


@dataclass(frozen=True, slots=True)
class LinkedData:
    """What the user should know about the data in the base's checkout.

    Attributes:
        shared: folders that are linked whole: both sides write into the same.
        outputs: folders of earlier runs' outputs, which are left out.
    """

    shared: tuple[str, ...]
    outputs: tuple[str, ...]


def link_data(
    ignored: IgnoredFiles, files: CandidateFiles, *, candidate: Path, base: Path
) -> LinkedData:
    """Link the candidate's data into the base's checkout, where nothing is there.

    Folders are made anew with a link per file, so that what a side adds is its own.

    Args:
        ignored: what git ignores.
        files: the candidate's files.
        candidate: the top of the candidate's checkout.
        base: the top of the base's.

    Returns:
        What is shared beyond single files, and what is left out.

    Raises:
        OSError: something can be neither linked nor copied.
    """
    names = dict.fromkeys((*_untracked(ignored, files, candidate), *ignored.data))
    free = {
        name: (candidate / name).is_dir()
        for name in names
        if _outputs_in(name) is None
        and _is_free(base, name)
        and not base.is_relative_to(candidate / name)
        and _holds_data(candidate / name)
    }
    # Whole folders come first: a single file in one would be in their way.
    outermost = [name for name in free if not any(up in free for up in _above(name))]
    folders = [name for name in outermost if free[name]]
    shared = link_folders(folders, candidate=candidate, base=base)
    for name in outermost:
        if not free[name]:
            link_or_copy(candidate / name, base / name)
    for name in ignored.versions:
        if _is_free(base, name) and (base / name).parent.is_dir():
            shutil.copyfile(candidate / name, base / name)
    left_out = (*_untracked_outputs(files, candidate), *ignored.data)
    outputs = {_outputs_in(name) for name in left_out if not (base / name).exists()}
    return LinkedData(shared, tuple(sorted(filter(None, outputs))))


def link_extension_modules(ignored: IgnoredFiles, *, candidate: Path, base: Path) -> None:
    """Put compiled modules into the base's checkout, whose sources are the same.

    Hard links: by a symbolic link, a module would be found at the candidate's path.

    Args:
        ignored: what git ignores.
        candidate: the top of the candidate's checkout.
        base: the top of the base's.

    Raises:
        OSError: a module can be neither linked nor copied.
    """
    for name in ignored.extension_modules:
        target = base / name
        if _is_free(base, name) and target.parent.is_dir():
            try:
                target.hardlink_to(candidate / name)
            except OSError:
                shutil.copy2(candidate / name, target)


def _is_never_data(name: str) -> bool:
    return any(_WITHHELD.match(part) for part in name.rstrip("/").split("/"))


def _outputs_in(name: str) -> str | None:
    """The outermost folder of outputs on a path; None without one."""
    parts = name.rstrip("/").split("/")
    depth = next((depth for depth, part in enumerate(parts) if part in _OUTPUTS), None)
    return None if depth is None else "/".join(parts[: depth + 1])


def _holds_data(source: Path) -> bool:
    """Whether a file is there, or a folder holds data and no environment, repository or package."""
    if not source.is_dir():
        return source.exists()
    marks = ("pyvenv.cfg", "conda-meta", ".git", "__init__.py", "pyproject.toml", "setup.py")
    if any((source / mark).exists() for mark in marks):
        return False
    holds = False
    for child in source.iterdir():
        if child.is_dir() and (child / ".git").exists():
            return False
        holds = holds or not (_CODE.search(child.name) or _is_never_data(child.name))
    return holds


def _untracked(ignored: IgnoredFiles, files: CandidateFiles, candidate: Path) -> Iterator[str]:
    """The data among the files that git neither tracks nor ignores.

    A folder that holds nothing else is one entry. What lies in a package belongs to its code.
    """
    code = {
        name
        for name in files.untracked
        if _is_never_data(name) or _CODE.search(name) or _outputs_in(name) is not None
    }
    others = (*files.tracked, *ignored.withheld, *filter(_outputs_in, ignored.data), *code)
    mixed = {folder for name in others for folder in _above(name)}
    found = {
        next((folder for folder in reversed(_above(name)) if folder not in mixed), name)
        for name in files.untracked - code
    }
    packages: dict[str, bool] = {}
    for name in sorted(found):
        folder = name.rstrip("/").rpartition("/")[0]
        if folder not in packages:
            packages[folder] = _is_in_package(candidate, folder)
        if not packages[folder]:
            yield name.rstrip("/")


def _untracked_outputs(files: CandidateFiles, candidate: Path) -> Iterator[str]:
    """The outputs among the files that git neither tracks nor ignores, outside packages."""
    for name in files.untracked:
        if _outputs_in(name) is None or _is_never_data(name) or _CODE.search(name):
            continue
        if not _is_in_package(candidate, name.rpartition("/")[0]):
            yield name


def _above(name: str) -> list[str]:
    """The folders above a path, the nearest first."""
    folders = []
    while name := name.rstrip("/").rpartition("/")[0]:
        folders.append(name)
    return folders


def _is_in_package(candidate: Path, folder: str) -> bool:
    parts = folder.split("/") if folder else []
    return any(
        (candidate.joinpath(*parts[: depth + 1]) / "__init__.py").exists()
        for depth in range(len(parts))
    )


def _is_free(base: Path, name: str) -> bool:
    """Whether nothing is at a path, and no link leads away from the base above it."""
    target = base / name
    if target.exists() or target.is_symlink():
        return False
    above = target.parent
    while above != base:
        if above.is_symlink() or (above.exists() and not above.is_dir()):
            return False
        above = above.parent
    return True
