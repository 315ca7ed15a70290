"""Which files of a checkout are tests, and which are the code under test.

Test files and conftests are tests wherever they lie. A folder whose name says that it holds tests
is taken as a whole, with its helpers and data; any other folder may hold the code under test.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from typing import Final

from pytest_mlregress.baselines.paths import FOLDER

__all__ = ["SelectedTests", "is_below", "select_tests"]

_CONFTEST: Final = "conftest.py"
_TEST_FOLDERS: Final = frozenset({"test", "tests"})
_SOUNDS_LIKE_TESTS: Final = re.compile(r"(.*[_-])?tests?([_-].*)?", re.IGNORECASE)
_PROJECT_FILES: Final = frozenset({"pyproject.toml", "setup.py"})
_ANY_MODULE: Final = "some_module_of_the_project.py"


@dataclass(frozen=True, slots=True)
class SelectedTests:
    """Which files are tests; every path is below the top of the checkout.

    Attributes:
        folders: the folders that hold tests alone, the top-most ones.
        patterns: the patterns of test files that do not match any module.
        root: pytest's rootdir; empty for the top.
        too_wide: the patterns that match any module, and so count in ``folders`` alone.
    """

    folders: tuple[str, ...]
    patterns: tuple[str, ...]
    root: str
    too_wide: tuple[str, ...]

    def __contains__(self, path: str) -> bool:
        if FOLDER in path.split("/"):
            return False  # a baseline is read and written on the candidate's side alone
        if any(is_below(path, folder) for folder in self.folders):
            return True
        return is_below(path, self.root) and _is_test_file(path, self.patterns)


def is_below(path: str, folder: str) -> bool:
    """Whether a path is a folder, or lies in it; everything lies in the folder ``""``."""
    return not folder or path == folder or path.startswith(f"{folder}/")


def select_tests(
    present: Collection[str], *, root: str, patterns: Sequence[str], folders: Collection[str]
) -> SelectedTests:
    """The tests among the files of a checkout.

    Args:
        present: the candidate's files, below the top.
        root: pytest's rootdir, below the top.
        patterns: pytest's ``python_files``.
        folders: pytest's ``testpaths``, below the top.

    Returns:
        The selection.
    """
    too_wide = tuple(pattern for pattern in patterns if fnmatch(_ANY_MODULE, pattern))
    named = {folder for folder in folders if _SOUNDS_LIKE_TESTS.fullmatch(_name(folder))}
    found = {
        above
        for path in present
        if _is_test_file(path, patterns)
        for above in _folders_above(path)
        if above in named or (_name(above) in _TEST_FOLDERS and is_below(above, root))
    }
    projects = {_folder(path) for path in present if _name(path) in _PROJECT_FILES}
    found -= projects
    topmost = {folder for folder in found if not any(up in found for up in _folders_above(folder))}
    return SelectedTests(
        folders=tuple(sorted(topmost)),
        patterns=tuple(pattern for pattern in patterns if pattern not in too_wide),
        root=root,
        too_wide=too_wide,
    )


def _is_test_file(path: str, patterns: Sequence[str]) -> bool:
    """As pytest decides: a pattern is for the name, or for the path if it has a slash."""
    if not path.endswith(".py"):
        return False
    name = _name(path)
    return name == _CONFTEST or any(
        fnmatch(f"/{path}", f"*/{pattern}") if "/" in pattern else fnmatch(name, pattern)
        for pattern in patterns
    )


def _folders_above(path: str) -> Iterator[str]:
    """The folders above a path, the nearest first, without the top."""
    while path := _folder(path):
        yield path


def _folder(path: str) -> str:
    return path.rpartition("/")[0]


def _name(path: str) -> str:
    return path.rpartition("/")[2]
