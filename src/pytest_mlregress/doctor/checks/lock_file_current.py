"""Lock files that no longer say what the project declares."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.version import InvalidVersion, Version

from pytest_mlregress.doctor.declared_dependencies import Dependency, dependencies_in
from pytest_mlregress.doctor.dependencies import declarations_of, names_of, same_module
from pytest_mlregress.doctor.finding import DoctorFinding
from pytest_mlregress.doctor.git_history import last_commit, text_at
from pytest_mlregress.doctor.lock_files import LockFile
from pytest_mlregress.doctor.project import Project
from pytest_mlregress.doctor.registry import CannotCheckError, Question, check
from pytest_mlregress.plurals import count_of

CURRENT: Final = Question(
    "lock-current",
    "dependencies",
    "A lock file has every declared dependency, in an allowed version, and is no older than its "
    "declarations.",
)

_MANIFESTS: Final = {"Pipfile.lock": "Pipfile", "pixi.lock": "pixi.toml"}


@check(CURRENT)
def lock_file_current(project: Project) -> Iterator[DoctorFinding]:
    """Compare each lock file with the declarations beside it, now and at its last commit."""
    declared = declarations_of(project)
    if not declared.locks:
        raise CannotCheckError("no lock file here")
    for lock in declared.locks:
        manifest = lock.file.parent / _MANIFESTS.get(lock.file.name, "pyproject.toml")
        own = [each for each in declared.dependencies if each.file == manifest]
        faults = list(_faults(lock, own, project, manifest))
        yield from faults
        if not faults:
            locked = count_of(len(lock.versions), "package")
            yield CURRENT.ok(
                f"locks {locked}, among them all of {manifest.name}", project.place(lock.file)
            )


def _faults(
    lock: LockFile, own: list[Dependency], project: Project, manifest: Path
) -> Iterator[DoctorFinding]:
    missing = [each for each in own if not each.tools and not _versions(lock, each)]
    refused = [
        each
        for each in own
        if (versions := _versions(lock, each))
        and not any(_allows(each.specifier, version) for version in versions)
    ]
    remedy = f"write it again and commit it: {lock.command}"
    if missing:
        yield CURRENT.problem(
            f"{manifest.name} declares {names_of(missing)}, which {lock.file.name} lacks",
            remedy,
            project.place(missing[0].file, missing[0].line),
        )
    for each in refused:
        locked = ", ".join(sorted(_versions(lock, each)))
        yield CURRENT.problem(
            f"{manifest.name} asks for {each.text}, and {lock.file.name} has {locked}",
            remedy,
            project.place(each.file, each.line),
        )
    if not missing and not refused:
        yield from _older(lock, own, project, manifest)


def _older(
    lock: LockFile, own: list[Dependency], project: Project, manifest: Path
) -> Iterator[DoctorFinding]:
    """Declarations that have changed since the lock file was last committed."""
    commit = last_commit(project.top, lock.file)
    changed = {project.top / path for path in project.tree.changed}
    before = text_at(project.top, commit, manifest) if commit else None
    if commit is None or before is None or lock.file in changed:
        return
    try:
        old = {(each.name, each.specifier) for each in dependencies_in(manifest, before)}
    except ValueError:
        return
    newer = [each for each in own if not each.tools and (each.name, each.specifier) not in old]
    if newer:
        yield CURRENT.warning(
            f"{manifest.name} declares {names_of(newer)} since {lock.file.name} was last committed "
            f"({commit[:10]})",
            f"write it again and commit it: {lock.command}",
            project.place(newer[0].file, newer[0].line),
        )


def _versions(lock: LockFile, dependency: Dependency) -> frozenset[str]:
    found = (lock.versions.get(name, frozenset()) for name in same_module(dependency.name))
    return frozenset().union(*found)


def _allows(specifier: str, version: str) -> bool:
    try:
        return Version(version) in SpecifierSet(specifier, prereleases=True)
    except (InvalidSpecifier, InvalidVersion):
        return True  # another ecosystem's grammar, which is not ours to judge
