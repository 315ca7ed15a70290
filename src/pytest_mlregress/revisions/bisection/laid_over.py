"""Which paths are the same in every state, since the working tree's tests are laid over it."""

from __future__ import annotations

from pytest_mlregress.revisions.candidate_files import list_candidate
from pytest_mlregress.revisions.cells.suite import Suite
from pytest_mlregress.revisions.repository import Repository
from pytest_mlregress.revisions.selected_tests import SelectedTests
from pytest_mlregress.revisions.tests_of_checkout import tests_of_checkout

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
    return tests_of_checkout(
        files,
        top=repository.top,
        rootdir=suite.rootdir,
        patterns=suite.test_patterns,
        folders=suite.test_folders,
    )
