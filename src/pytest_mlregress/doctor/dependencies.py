"""The dependencies of an examined project: declared, locked, and imported by its code."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from packaging.utils import canonicalize_name

from pytest_mlregress.baselines.distributions import distributions_of
from pytest_mlregress.doctor.declared_dependencies import (
    Dependency,
    dependencies_in,
    is_declaration,
    requirements_in,
)
from pytest_mlregress.doctor.lock_files import LOCK_NAMES, LockFile, read_lock
from pytest_mlregress.doctor.named_requirements import named_requirements
from pytest_mlregress.doctor.project import Project
from pytest_mlregress.doctor.python_code import Module

__all__ = [
    "KNOWN_MODULES",
    "Declarations",
    "ImportedPackage",
    "declarations_of",
    "imported_packages",
]

_DISTRIBUTIONS: Final = {
    "PIL": "pillow",
    "attr": "attrs",
    "bs4": "beautifulsoup4",
    "cv2": "opencv-python",
    "dateutil": "python-dateutil",
    "dotenv": "python-dotenv",
    "faiss": "faiss-cpu",
    "hydra": "hydra-core",
    "ignite": "pytorch-ignite",
    "lightning_fabric": "lightning",
    "pytorch_lightning": "pytorch-lightning",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "tensorflow": "tensorflow",
    "torch_geometric": "torch-geometric",
    "umap": "umap-learn",
    "wandb": "wandb",
    "yaml": "pyyaml",
}
"""Distributions that are not called as their module is."""

_EQUIVALENT: Final = (
    frozenset({"opencv-python", "opencv-python-headless", "opencv-contrib-python"}),
    frozenset({"faiss-cpu", "faiss-gpu", "faiss"}),
    frozenset({"tensorflow", "tensorflow-cpu", "tensorflow-gpu", "tf-nightly"}),
    frozenset({"torch", "pytorch", "pytorch-cpu", "pytorch-gpu", "libtorch"}),
    frozenset({"lightning", "pytorch-lightning"}),
    frozenset({"xgboost", "xgboost-cpu"}),
    frozenset({"jax", "jaxlib"}),
)
"""Distributions that give the same module."""

_NAMESPACES: Final = frozenset({"google", "azure", "zope", "mpl_toolkits"})
"""Modules that several distributions share: which one is imported, their name does not tell."""

_TOOLS: Final = frozenset({"pytest", "pluggy", "xdist", "hypothesis", "conftest", "setuptools"})


@dataclass(frozen=True, slots=True)
class Declarations:
    """What the project says of its dependencies.

    Attributes:
        files: the files that declare them.
        dependencies: all that they declare.
        locks: the lock files.
        broken: the files that cannot be parsed, each with the reason.
    """

    files: tuple[Path, ...] = ()
    dependencies: tuple[Dependency, ...] = ()
    locks: tuple[LockFile, ...] = ()
    broken: tuple[tuple[Path, str], ...] = ()

    def named(self, name: str) -> list[Dependency]:
        """The declarations of a package, under any of the names that give its module."""
        names = same_module(name)
        return [each for each in self.dependencies if each.name in names]

    def is_pinned(self, name: str) -> bool:
        """Whether one version of a package is said anywhere: declared, constrained or locked."""
        names = same_module(name)
        return any(each.pinned for each in self.named(name)) or any(
            not names.isdisjoint(lock.versions) for lock in self.locks
        )


@dataclass(frozen=True, slots=True)
class ImportedPackage:
    """A third-party package that the code imports.

    Attributes:
        name: the normalised name of its distribution, as far as it is known.
        module: the top-level module.
        file: where it is first imported.
        line: the line.
    """

    name: str
    module: str
    file: Path
    line: int = field(compare=False)


KNOWN_MODULES: Final = frozenset(_DISTRIBUTIONS)
"""Modules whose distribution is known without looking at what is installed."""


def same_module(name: str) -> frozenset[str]:
    """The distributions that give the same module as one of them, itself included."""
    return next((names for names in _EQUIVALENT if name in names), frozenset({name}))


def declarations_of(project: Project) -> Declarations:
    """Read the declarations from the examined folder up to the top of the repository.

    Args:
        project: the project.

    Returns:
        All of them.
    """
    files: list[Path] = []
    locks: list[LockFile] = []
    dependencies: list[Dependency] = []
    broken: list[tuple[Path, str]] = []
    for file in _candidates(project):
        try:
            if file.name in LOCK_NAMES:
                locks.append(read_lock(file))
                continue
            found = dependencies_in(file)
        except ValueError as error:
            broken.append((file, " ".join(str(error).split())))
            continue
        if found:
            files.append(file)
            dependencies += found
    for file, constraint in named_requirements(project).items():
        if file not in files and (found := requirements_in(file, constraint=constraint)):
            files.append(file)
            dependencies += found
    return Declarations(tuple(files), tuple(dependencies), tuple(locks), tuple(broken))


def _candidates(project: Project) -> Iterator[Path]:
    for folder in (project.folder, *project.folder.parents):
        for place in (folder, folder / "requirements"):
            names = sorted(place.iterdir()) if place.is_dir() else []
            yield from (
                file
                for file in names
                if file.is_file() and (file.name in LOCK_NAMES or is_declaration(file))
            )
        if folder == project.top:
            return


def imported_packages(project: Project) -> list[ImportedPackage]:
    """The third-party packages that the code of the regression tests imports.

    Imports within ``try`` are left out: they are optional.

    Args:
        project: the project.

    Returns:
        Each once, where it is first imported.
    """
    found: dict[str, ImportedPackage] = {}
    own = _own_names(project)
    for module in project.modules_of(project.code):
        for name, line in _imports(module):
            if name in own or name in _TOOLS | _NAMESPACES or name in sys.stdlib_module_names:
                continue
            if name not in found:
                package = ImportedPackage(distribution_of(name), name, module.file, line)
                found[name] = package
    return [each for each in found.values() if each.name != "pytest-mlregress"]


def _own_names(project: Project) -> set[str]:
    """What the project's own files and folders are imported as."""
    roots = {*project.import_roots, *(file.parent for file in project.code)}
    names: set[str] = set()
    for root in roots:
        names |= {entry.stem for entry in root.iterdir() if entry.suffix == ".py"}
        names |= {entry.name for entry in root.iterdir() if entry.is_dir()}
    return names


def _imports(module: Module) -> Iterator[tuple[str, int]]:
    optional = {
        id(inner)
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Try) or _is_for_types(node)
        for inner in ast.walk(node)
    }
    for node in ast.walk(module.tree):
        if id(node) in optional:
            continue
        if isinstance(node, ast.Import):
            yield from ((alias.name.partition(".")[0], node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            yield node.module.partition(".")[0], node.lineno


def _is_for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def distribution_of(module: str) -> str:
    """The distribution that a top-level module comes from.

    Args:
        module: its name.

    Returns:
        The normalised name: the usual one, else that of the module.
    """
    return _DISTRIBUTIONS.get(module) or canonicalize_name(module)


def installed_names(module: str) -> frozenset[str]:
    """The installed distributions that have a top-level module.

    Args:
        module: its name.

    Returns:
        Normalised names; empty where it is not installed.
    """
    return frozenset(map(canonicalize_name, distributions_of(module)))


def names_of(dependencies: Iterable[Dependency], most: int = 6) -> str:
    """Some dependencies as a message names them."""
    written = list(dict.fromkeys(each.text for each in dependencies))
    more = f" and {len(written) - most} more" if len(written) > most else ""
    return ", ".join(written[:most]) + more
