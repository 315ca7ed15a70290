"""The base's checkout: another commit of the repository, ready to run the candidate's tests."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pytest_mlregress.baselines.git_command import GitError
from pytest_mlregress.revisions.against import Against
from pytest_mlregress.revisions.base_commit import ABBREVIATED, BaseCommit, find_base_commit
from pytest_mlregress.revisions.candidate_files import CandidateFiles, list_candidate
from pytest_mlregress.revisions.commit_checkout import check_out, check_out_submodules
from pytest_mlregress.revisions.data_folders import LINKED_AT_MOST
from pytest_mlregress.revisions.extension_sources import changed_extension_sources
from pytest_mlregress.revisions.large_files import fill_pointers
from pytest_mlregress.revisions.overlay import lay_over
from pytest_mlregress.revisions.pytest_configuration import changed_configuration
from pytest_mlregress.revisions.repository import Repository, ask_git, find_repository
from pytest_mlregress.revisions.selected_tests import SelectedTests
from pytest_mlregress.revisions.tests_of_checkout import path_below, tests_of_checkout
from pytest_mlregress.revisions.untracked_data import (
    LinkedData,
    link_data,
    link_extension_modules,
    list_ignored,
)
from pytest_mlregress.revisions.worktree_error import WorktreeError
from pytest_mlregress.revisions.worktree_folders import WorktreeFolder

__all__ = [
    "BaseCheckout",
    "WorktreeError",
    "changed_files",
    "prepare_checkout",
    "worktree_of",
]

_SHOWN: Final = 3


@dataclass(frozen=True, slots=True)
class BaseCheckout:
    """The base's checkout, held by this process until it is released.

    Attributes:
        commit: the full name of the base's commit.
        label: the commit and how it was found, for reports.
        top: the top folder of the base's checkout.
        rootdir: the folder in it that corresponds to pytest's rootdir.
        candidate_top: the top folder of the candidate's checkout.
        merge_base_of: the ref whose merge base with HEAD the commit is; None for a tip.
        notes: what the user should know about the two checkouts, one sentence each.
        against: the option that asked for it.
        files: the candidate's files, and which of them differ from the base.
        laid_over: the test files that differ, and are the candidate's in the base's checkout, too.
    """

    commit: str
    label: str
    top: Path
    rootdir: Path
    candidate_top: Path
    merge_base_of: str | None
    notes: tuple[str, ...]
    against: Against
    files: CandidateFiles
    laid_over: tuple[str, ...]
    _folder: WorktreeFolder

    def release(self, keep: bool) -> None:
        """Give the checkout back.

        Args:
            keep: leave it to a later run at the same commit; without it, it is removed.
        """
        if keep:
            self._folder.keep()
        else:
            self._folder.remove()


def prepare_checkout(
    rootdir: Path,
    against: Against,
    *,
    place: Path,
    test_patterns: Sequence[str],
    test_folders: Sequence[Path],
) -> BaseCheckout:
    """Check the base out, and lay the candidate's tests and data over it.

    The candidate is the working tree as it is. Its files, and the repository's `HEAD`, index and
    settings are not touched.

    Args:
        rootdir: pytest's rootdir.
        against: the option; its ``ref`` is set.
        place: the folder for worktrees; one that stays between runs makes the next one faster.
        test_patterns: pytest's ``python_files``.
        test_folders: pytest's ``testpaths``, absolute or below the rootdir.

    Returns:
        The checkout, locked until `BaseCheckout.release`.

    Raises:
        WorktreeError: there is no such base, or its checkout cannot be made.
    """
    repository = find_repository(rootdir)
    base = find_base_commit(repository, against)
    files = list_candidate(repository.top, base.commit)
    root = path_below(repository.top, rootdir)
    tests = tests_of_checkout(
        files,
        top=repository.top,
        rootdir=rootdir,
        patterns=test_patterns,
        folders=test_folders,
    )
    folder = check_out(repository, base.commit, place)
    try:
        notes = _furnish(folder, repository, files, None if against.own_tests else tests)
        inside = folder.path / (root or "")
        inside.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        folder.remove()
        raise WorktreeError(f"the checkout of the base in {folder.path} failed: {error}") from None
    except BaseException:
        folder.remove()
        raise
    return BaseCheckout(
        commit=base.commit,
        label=base.label,
        top=folder.path,
        rootdir=inside,
        candidate_top=repository.top,
        merge_base_of=base.merge_base_of,
        notes=(*_notes_on(base, folder, repository, files, root or ""), *notes),
        against=against,
        files=files,
        laid_over=()
        if against.own_tests
        else tuple(sorted(path for path in files.changed if path in tests)),
        _folder=folder,
    )


def changed_files(checkout: BaseCheckout) -> tuple[str, ...]:
    """The candidate's files that differ from the base commit, tests included.

    Args:
        checkout: the base's checkout.

    Returns:
        Paths below the top of the repository, sorted: changed, added and removed files, whether
        git tracks them or not; none that git ignores.
    """
    return tuple(sorted(checkout.files.changed))


@contextmanager
def worktree_of(directory: Path, commit: str) -> Iterator[Path]:
    """Check out ``commit`` of the repository that contains ``directory``, with its own tests.

    Yields the folder in the worktree that corresponds to ``directory``; the worktree is removed
    afterwards. The candidate's data that git does not track are linked into it.

    Raises:
        WorktreeError: there is no repository or no such commit, or git fails.
    """
    repository = find_repository(directory)
    try:
        ask_git(repository.top, "cat-file", "-e", f"{commit}^{{commit}}")
    except GitError:
        raise WorktreeError(
            f"commit {commit[:10]} is not in this repository; in a shallow clone, fetch it first: "
            "git fetch --unshallow"
        ) from None
    files = list_candidate(repository.top, commit)
    with tempfile.TemporaryDirectory(prefix="mlregress-worktree-") as place:
        folder = check_out(repository, commit, Path(place))
        try:
            _furnish(folder, repository, files, None)
            yield folder.path / (path_below(repository.top, directory) or "")
        finally:
            folder.remove()


def _furnish(
    folder: WorktreeFolder,
    repository: Repository,
    files: CandidateFiles,
    tests: SelectedTests | None,
) -> list[str]:
    """Put what both sides share into the base's checkout, and note what is missing."""
    candidate, base = repository.top, folder.path
    empty = check_out_submodules(folder, candidate, skipped=tests.folders if tests else ())
    pointers = fill_pointers(
        files.tracked | files.removed, common=repository.common, candidate=candidate, base=base
    )
    if tests is not None:
        lay_over(tests, files, candidate=candidate, base=base)
    ignored = list_ignored(candidate)
    data = link_data(ignored, files, candidate=candidate, base=base)
    if not changed_extension_sources(files, candidate=candidate, base=base):
        link_extension_modules(ignored, candidate=candidate, base=base)
    notes = []
    if tests is not None and tests.too_wide:
        notes.append(
            f"python_files = {' '.join(tests.too_wide)} matches any module, so only the modules in "
            f"{_some(tests.folders) if tests.folders else 'folders named tests'} and conftest.py "
            "files are the same on both sides"
        )
    if empty:
        notes.append(
            f"submodules that are not initialised here are empty in the base: {_some(empty)}; "
            "initialise them with: git submodule update --init --recursive"
        )
    if pointers:
        notes.append(
            f"the base has Git LFS pointers in place of files: {_some(pointers)}; "
            f"fetch them with: git lfs fetch origin {folder.commit}"
        )
    return [*notes, *_notes_on_data(data)]


def _notes_on_data(data: LinkedData) -> Iterator[str]:
    if data.shared:
        yield (
            f"folders that both sides share, as they hold more than {LINKED_AT_MOST} files or are "
            f"links: {_some(data.shared)}; what one side writes there, the other side reads"
        )
    if data.outputs:
        yield (
            f"outputs of earlier runs are not linked into the base: {_some(data.outputs)}; "
            "data that both sides need belong into a folder of another name"
        )


def _notes_on(
    base: BaseCommit,
    folder: WorktreeFolder,
    repository: Repository,
    files: CandidateFiles,
    root: str,
) -> Iterator[str]:
    if not files.changed:
        yield (
            f"the base is {base.commit[:ABBREVIATED]}, and the working tree has no changes to it: "
            "both sides run the same code"
        )
    configured = changed_configuration(files, root, candidate=repository.top, base=folder.path)
    if configured:
        yield (
            "pytest is configured otherwise in the base, and the candidate's configuration holds "
            f"for both sides: {'; '.join(configured)}"
        )


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
