"""Dependencies whose version another installation chooses anew."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from pytest_mlregress.baselines.packages import can_change_results
from pytest_mlregress.doctor.declared_dependencies import Dependency
from pytest_mlregress.doctor.dependencies import (
    Declarations,
    declarations_of,
    imported_packages,
    names_of,
    same_module,
)
from pytest_mlregress.doctor.finding import DoctorFinding
from pytest_mlregress.doctor.project import Project
from pytest_mlregress.doctor.registry import Question, check
from pytest_mlregress.plurals import count_of

PINNED: Final = Question(
    "dependencies-pinned",
    "dependencies",
    "One version of each dependency is said: pinned (`==`), constrained or in a lock file.",
)

_REMEDY: Final = (
    "pin what is installed here: pip freeze > constraints.txt, then install with "
    "pip install -c constraints.txt; or write a lock file: uv lock"
)


@check(PINNED)
def dependencies_pinned(project: Project) -> Iterator[DoctorFinding]:
    """Name the dependencies that are neither pinned, constrained nor locked."""
    declared = declarations_of(project)
    for file, reason in declared.broken:
        yield PINNED.problem(
            f"{file.name} cannot be parsed: {reason}",
            "repair the file, then run mlregress doctor again",
            project.place(file),
        )
    if not declared.dependencies:
        yield from _without_declaration(project, declared)
        return
    open_ = [
        each
        for each in declared.dependencies
        if not each.constraint and not declared.is_pinned(each.name)
    ]
    moving, other = _split(project, open_)
    if moving:
        yield PINNED.problem(
            f"not pinned, and they move the numbers of the tests: {names_of(moving)}",
            _REMEDY,
            project.place(moving[0].file, moving[0].line),
        )
    if other:
        yield PINNED.warning(
            f"not pinned: {names_of(other)}", _REMEDY, project.place(other[0].file, other[0].line)
        )
    if not moving and not other:
        yield PINNED.ok(_what_pins(declared, project, open_))


def _without_declaration(project: Project, declared: Declarations) -> Iterator[DoctorFinding]:
    imported = imported_packages(project)
    if declared.locks:
        lock = declared.locks[0]
        locked = count_of(len(lock.versions), "package")
        yield PINNED.ok(f"{lock.file.name} locks {locked}", project.place(lock.file))
    elif imported and not declared.broken:
        names = ", ".join(sorted(each.name for each in imported)[:6])
        yield PINNED.problem(
            f"no file declares dependencies, and the code imports {names}",
            "write what is installed here: pip freeze > requirements.txt",
            project.place(imported[0].file, imported[0].line),
        )
    elif not declared.broken:
        yield PINNED.skipped("no file declares dependencies, and the code imports no package")


def _split(
    project: Project, unpinned: list[Dependency]
) -> tuple[list[Dependency], list[Dependency]]:
    """Those that move the numbers of the tests, and others.

    A package's own metadata rightly allow ranges: of those, only what the tests import counts. Of a
    list that an environment is made from everything does, but tools of developers.
    """
    imported = {name for each in imported_packages(project) for name in same_module(each.name)}
    moving = [each for each in unpinned if each.name in imported and can_change_results(each.name)]
    other = [
        each
        for each in unpinned
        if each not in moving
        and (each.name in imported or (_is_an_environment(each) and not each.tools))
    ]
    return moving, other


def _is_an_environment(dependency: Dependency) -> bool:
    return dependency.file.suffix in (".txt", ".in", ".lock", ".yml", ".yaml") or (
        dependency.file.name in ("Pipfile", "pixi.toml")
    )


def _what_pins(declared: Declarations, project: Project, ranges: list[Dependency]) -> str:
    by = [lock.file for lock in declared.locks] or [
        *dict.fromkeys(each.file for each in declared.dependencies if each.pinned)
    ]
    names = {each.name for each in declared.dependencies} - {each.name for each in ranges}
    places = ", ".join(project.place(file) for file in by[:3])
    return f"{count_of(len(names), 'declared package')} pinned by {places or 'no file'}" + (
        f"; {count_of(len(ranges), 'range')} of packages that the tests do not import"
        if ranges
        else ""
    )
