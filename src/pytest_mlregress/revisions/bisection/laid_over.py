"""Which paths are the same in every state, since the working tree's tests are laid over it."""

from __future__ import annotations

from pathlib import Path

from pytest_mlregress.revisions.candidate_files import list_candidate
from pytest_mlregress.revisions.cells.suite import Suite
from pytest_mlregress.revisions.repository import Repository
from pytest_mlregress.revisions.selected_tests import SelectedTests, select_tests

__all__ = ["tests_laid_over"]


def tests_laid_over(repository: Repository, suite: Suite) -> SelectedTests:
    """The tests of the working tree, as a checkout of another commit gets them.

    Args:
        repository: the repository.
        suite: what pytest collected in the working tree.

    Returns:
        The selection: ``path in selection`` says whether a path is the working tree's.

    Raises:
        WorktreeError: git failed.
    """
    files = list_candidate(repository.top, repository.head or "HEAD")
    folders = (_below(repository.top, suite.rootdir / folder) for folder in suite.test_folders)
    return select_tests(
        files.present,
        root=_below(repository.top, suite.rootdir) or "",
        patterns=suite.test_patterns,
        folders={folder for folder in folders if folder},
    )


def _below(top: Path, folder: Path) -> str | None:
    """The path of a folder below the top; empty for the top, None outside of it."""
    resolved = folder.resolve()
    if not resolved.is_relative_to(top):
        return None
    path = resolved.relative_to(top).as_posix()
    return "" if path == "." else path
