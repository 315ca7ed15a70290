"""Packages that the tests' code imports and no file declares."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from pytest_mlregress.baselines.packages import can_change_results
from pytest_mlregress.doctor.dependencies import (
    KNOWN_MODULES,
    ImportedPackage,
    declarations_of,
    imported_packages,
    installed_names,
    same_module,
)
from pytest_mlregress.doctor.finding import DoctorFinding
from pytest_mlregress.doctor.project import Project
from pytest_mlregress.doctor.registry import CannotCheckError, Question, check
from pytest_mlregress.plurals import count_of

DECLARED: Final = Question(
    "dependencies-declared",
    "dependencies",
    "What the tests' code imports is declared or locked; imports within `try` are optional.",
)


@check(DECLARED)
def dependencies_declared(project: Project) -> Iterator[DoctorFinding]:
    """Name the imports that a fresh installation would miss."""
    declared = declarations_of(project)
    if not declared.dependencies and not declared.locks:
        raise CannotCheckError("no file declares dependencies")
    known = {each.name for each in declared.dependencies}
    known |= {name for lock in declared.locks for name in lock.versions}
    imported = imported_packages(project)
    missing = [
        each
        for each in imported
        if known.isdisjoint(same_module(each.name)) and _is_missing(each, known)
    ]
    for each in missing:
        yield DECLARED.warning(
            f"imports {each.module} ({each.name}), which no requirements, lock file or "
            "pyproject.toml names",
            f"declare {each.name} beside the other dependencies",
            project.place(each.file, each.line),
        )
    if not missing:
        yield DECLARED.ok(f"{count_of(len(imported), 'imported package')} declared")


def _is_missing(package: ImportedPackage, known: set[str]) -> bool:
    """Whether a package that is declared under no usual name surely is declared under none.

    The distribution of a module that is neither known nor installed may have any name.
    """
    installed = installed_names(package.module)
    certain = bool(installed) or package.module in KNOWN_MODULES or can_change_results(package.name)
    return certain and known.isdisjoint(installed)
