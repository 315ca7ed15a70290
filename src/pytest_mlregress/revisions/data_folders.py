"""Folders of data in the base's checkout: real folders with a link to each file of the candidate's.

A folder that is one link would be the same folder for both sides: a cache of features that one side
writes would be read by the other. So new files stay on the side that writes them, as long as there
are not too many files to link.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from pytest_mlregress.revisions.place_file import link_or_copy

__all__ = ["LINKED_AT_MOST", "link_folders"]

LINKED_AT_MOST: Final = 1000
"""Files linked one by one, over all folders: a link costs what a new file costs, microseconds in
memory and up to milliseconds on a busy disk."""


def link_folders(
    names: Iterable[str], *, candidate: Path, base: Path, at_most: int | None = None
) -> tuple[str, ...]:
    """Rebuild folders of the candidate in the base's checkout, with a link per file.

    Small folders come first. Of a folder with more files than are left, its own files are linked
    one by one and the sub-folders that are too large whole; one with too many files of its own is
    linked whole, and so is a folder behind a link, which may lead back up.

    Args:
        names: folders below the top, none within another; nothing is there in the base.
        candidate: the top of the candidate's checkout.
        base: the top of the base's.
        at_most: how many files are linked one by one; None for `LINKED_AT_MOST`.

    Returns:
        The folders that are linked whole, sorted, below the top: both sides write into the same.

    Raises:
        OSError: something can be neither read, linked nor copied.
    """
    linking = _Linking(candidate.absolute(), base, LINKED_AT_MOST if at_most is None else at_most)
    for name in linking.smallest_first(names):
        linking.add(name)
    return tuple(sorted(linking.whole))


class _Linking:
    """What is left to link, and what was linked whole.

    Args:
        candidate: the top of the candidate's checkout.
        base: the top of the base's.
        left: how many files may still be linked one by one.
    """

    def __init__(self, candidate: Path, base: Path, left: int) -> None:
        self.whole: list[str] = []
        self._candidate = candidate
        self._base = base
        self._left = left

    def smallest_first(self, names: Iterable[str]) -> list[str]:
        """The folders by their number of files, so that a large one costs the others nothing."""
        limit = self._left
        return sorted(names, key=lambda name: (_count_files(self._candidate / name, limit), name))

    def add(self, name: str, *, within_large: bool = False) -> None:
        """Link a folder.

        Args:
            name: the folder, below the top.
            within_large: whether the folder above it is too large, so that it is not opened, too.
        """
        files, folders, links = _entries(self._candidate / name)
        fits = _count_files(self._candidate / name, self._left) <= self._left
        if len(files) > self._left or (within_large and not fits):
            self._link_whole(name)
            return
        (self._base / name).mkdir(parents=True)
        for file in files:
            _link_file(self._candidate / name / file, self._base / name / file)
        self._left -= len(files)
        for link in links:
            self._link_whole(f"{name}/{link}")
        for folder in self.smallest_first(f"{name}/{folder}" for folder in folders):
            self.add(folder, within_large=not fits)

    def _link_whole(self, name: str) -> None:
        link_or_copy(self._candidate / name, self._base / name)
        if (self._base / name).is_symlink():
            self.whole.append(name)


def _link_file(source: Path, target: Path) -> None:
    try:
        target.symlink_to(source)
    except OSError:
        link_or_copy(source, target)


def _entries(folder: Path) -> tuple[list[str], list[str], list[str]]:
    """The names of the files, of the folders, and of the links to folders in a folder, sorted."""
    files, folders, links = [], [], []
    with os.scandir(folder) as entries:
        for entry in entries:
            if not entry.is_dir():
                files.append(entry.name)
            elif entry.is_symlink():
                links.append(entry.name)
            else:
                folders.append(entry.name)
    return sorted(files), sorted(folders), sorted(links)


def _count_files(folder: Path, limit: int) -> int:
    """How many files are in a folder and below; beyond the limit, counting stops."""
    count = 0
    for _, _, files in os.walk(folder):
        count += len(files)
        if count > limit:
            break
    return count
