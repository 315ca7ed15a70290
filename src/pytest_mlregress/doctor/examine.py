"""Running the checks: whatever a repository holds, each of them ends in findings."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from importlib import import_module
from pkgutil import iter_modules

from pytest_mlregress.baselines.errors import BaselineError
from pytest_mlregress.baselines.git_command import GitError
from pytest_mlregress.doctor import checks
from pytest_mlregress.doctor.finding import DoctorFinding
from pytest_mlregress.doctor.project import Project
from pytest_mlregress.doctor.registry import CannotCheckError, Check, registered

__all__ = ["examine", "load_checks"]


def load_checks() -> None:
    """Import every check, which enters it into the registry; a second call does nothing."""
    for module in iter_modules(checks.__path__):
        import_module(f"{checks.__name__}.{module.name}")


def examine(project: Project, *, ignore: Collection[str] = ()) -> list[DoctorFinding]:
    """Run the checks on a project.

    Args:
        project: the project; checks that need its trained seeds are skipped where it has none.
        ignore: names of checks to leave out.

    Returns:
        The findings, by topic and then in the order in which they were found.
    """
    load_checks()
    return [
        finding
        for each in registered()
        if not {question.name for question in each.questions} <= set(ignore)
        for finding in _findings(each, project)
        if finding.check not in ignore
    ]


def _findings(each: Check, project: Project) -> Iterator[DoctorFinding]:
    """The findings of one check; what it cannot read is a finding, too, and no traceback."""
    answered: set[str] = set()
    try:
        if each.trains and project.trainings is None:
            raise CannotCheckError(
                "needs trained seeds", "run mlregress doctor without --no-training"
            )
        for finding in each.function(project):
            answered.add(finding.check)
            yield finding
    except CannotCheckError as error:
        for question in each.questions:
            if question.name not in answered:
                yield question.skipped(error.reason, error.remedy)
    except (OSError, ValueError, RecursionError, GitError, BaselineError) as error:
        for question in each.questions:
            if question.name not in answered:
                yield question.skipped(f"cannot look: {' '.join(str(error).split())}")
