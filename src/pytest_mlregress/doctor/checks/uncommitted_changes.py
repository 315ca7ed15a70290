"""Code of the tests that no commit holds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from pytest_mlregress.doctor.finding import DoctorFinding
from pytest_mlregress.doctor.git_history import tracked_files
from pytest_mlregress.doctor.project import Project
from pytest_mlregress.doctor.registry import CannotCheckError, Question, check
from pytest_mlregress.plurals import count_of, plural

CHANGES: Final = Question(
    "uncommitted-changes", "code", "No file that the tests import has uncommitted changes."
)
UNTRACKED: Final = Question(
    "untracked-code", "code", "Git tracks every Python file that the tests import."
)

_SHOWN: Final = 4


@check(CHANGES, UNTRACKED)
def uncommitted_changes(project: Project) -> Iterator[DoctorFinding]:
    """Compare the files that the tests import with what git tracks."""
    tree = project.tree
    if tree.unknown is not None:
        raise CannotCheckError(f"git cannot tell: {tree.unknown}")
    tracked = tracked_files(project.top)
    if tracked is None:
        raise CannotCheckError(
            "not in a git repository: no commit says which code gave which numbers",
            "git init, git add and git commit",
        )
    code = [file.resolve() for file in project.code]
    whose = "the tests import" if project.tests else "are code here"
    top = project.top.resolve()
    known = {top / file.relative_to(project.top) for file in tracked}
    unknown = [file for file in code if file not in known]
    changed = {top / path for path in tree.changed}
    dirty = [file for file in code if file in changed and file in known]
    if tree.commit is None:
        yield CHANGES.problem(
            "the repository has no commit yet", "git add and git commit the code and its tests"
        )
    elif dirty:
        shown = ", ".join(project.place(file) for file in dirty[:_SHOWN])
        yield CHANGES.warning(
            f"{count_of(len(dirty), 'file')} that {whose} {plural('differ', 3 - len(dirty))} "
            f"from the last commit ({tree.commit[:10]}): {shown}",
            "commit before numbers are recorded or reported: git commit -a",
            project.place(dirty[0]),
        )
    else:
        yield CHANGES.ok(
            f"{count_of(len(code), 'file')} as in commit {tree.commit[:10]}"
            + (f" on {tree.branch}" if tree.branch else "")
        )
    for file in unknown:
        yield UNTRACKED.problem(
            f"git does not track {project.place(file)}, which {whose}: no clone has it",
            f"git add -f {project.place(file)}, then commit it",
            project.place(file),
        )
    if not unknown:
        yield UNTRACKED.ok(f"git tracks all {len(code)} files of the code")
