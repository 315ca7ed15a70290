"""Which files of a checkout are tests, from what pytest says of its configuration."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

from pytest_mlregress.revisions.candidate_files import CandidateFiles, list_candidate
from pytest_mlregress.revisions.repository import find_repository
from pytest_mlregress.revisions.selected_tests import SelectedTests, select_tests

__all__ = ["only_tests_changed", "path_below", "tests_of_checkout"]


def tests_of_checkout(
    files: CandidateFiles,
    *,
    top: Path,
    rootdir: Path,
    patterns: Sequence[str],
    folders: Iterable[Path | str],
) -> SelectedTests:
    """The tests among the files of a checkout, which are laid over the base's.

    Args:
        files: the candidate's files.
        top: the top of its checkout.
        rootdir: pytest's rootdir.
        patterns: pytest's ``python_files``.
        folders: pytest's ``testpaths``, absolute or below the rootdir.

    Returns:
        The selection: ``path in selection`` says whether a path is a test.
    """
    found = (path_below(top, rootdir / folder) for folder in folders)
    return select_tests(
        files.present,
        root=path_below(top, rootdir) or "",
        patterns=patterns,
        folders={folder for folder in found if folder},
    )


def only_tests_changed(
    rootdir: Path,
    commit: str,
    *,
    patterns: Sequence[str],
    folders: Iterable[Path | str],
    uncommitted: Iterable[str],
) -> bool:
    """Whether a working tree differs from a commit in test files alone.

    Args:
        rootdir: pytest's rootdir.
        commit: the commit.
        patterns: pytest's ``python_files``.
        folders: pytest's ``testpaths``, absolute or below the rootdir.
        uncommitted: the files whose changes are in no commit; of the files that git does not track,
            these alone count.

    Returns:
        False also where nothing differs.

    Raises:
        WorktreeError: git failed.
    """
    top = find_repository(rootdir).top
    files = list_candidate(top, commit)
    changed = files.changed - (files.untracked - frozenset(uncommitted))
    tests = tests_of_checkout(files, top=top, rootdir=rootdir, patterns=patterns, folders=folders)
    return bool(changed) and all(path in tests for path in changed)


def path_below(top: Path, folder: Path) -> str | None:
    """The path of a folder below another, as git writes it.

    Args:
        top: the other.
        folder: the folder.

    Returns:
        The path; empty for the other itself, None outside of it.
    """
    resolved = folder.resolve()
    if not resolved.is_relative_to(top):
        return None
    path = resolved.relative_to(top).as_posix()
    return "" if path == "." else path
