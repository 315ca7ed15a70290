"""The candidate's tests, laid over the base's checkout: both sides measure the same way."""

from __future__ import annotations

from pathlib import Path

from pytest_mlregress.revisions.candidate_files import CandidateFiles
from pytest_mlregress.revisions.place_file import link_or_copy, place_file, remove_file
from pytest_mlregress.revisions.selected_tests import SelectedTests

__all__ = ["lay_over"]


def lay_over(
    tests: SelectedTests, files: CandidateFiles, *, candidate: Path, base: Path
) -> tuple[str, ...]:
    """Make the tests in the base's checkout those of the candidate.

    Only files that differ are touched. Test files that the candidate has removed are removed, and
    submodules in folders of tests become links to the candidate's.

    Args:
        tests: which files are tests.
        files: the candidate's files.
        candidate: the top of the candidate's checkout.
        base: the top of the base's.

    Returns:
        The files that were laid over or removed, sorted, below the top.

    Raises:
        OSError: a file cannot be read or written.
    """
    gone = sorted(path for path in files.removed if path in tests)
    for path in gone:
        if _is_reached_in(base, path):
            remove_file(base / path)
    laid = sorted(path for path in files.altered | files.untracked if path in tests)
    for path in laid:
        source = candidate / path
        if not source.exists() and not source.is_symlink():
            continue  # removed since it was listed
        _clear_way(base, path)
        place_file(source, base / path)
    for path in _submodules(tests, files, candidate):
        remove_file(base / path)
        _clear_way(base, path)
        link_or_copy(candidate / path, base / path)
    return tuple(sorted({*gone, *laid}))


def _submodules(tests: SelectedTests, files: CandidateFiles, candidate: Path) -> list[str]:
    """The initialised submodules in folders of tests."""
    inside = sorted(path for path in files.submodules if path in tests)
    return [path for path in inside if (candidate / path / ".git").exists()]


def _is_reached_in(base: Path, path: str) -> bool:
    """Whether no folder above the path, within the base, is a link to elsewhere."""
    return not any(up.is_symlink() for up in (base / path).parents if up.is_relative_to(base))


def _clear_way(base: Path, path: str) -> None:
    """Remove what stands in place of the folders above a path: a file, or a link to elsewhere."""
    above = base
    for part in path.split("/")[:-1]:
        above = above / part
        if above.is_symlink() or above.is_file():
            above.unlink()
