"""The files that a command names: patterns that no shell has expanded are expanded here."""

from __future__ import annotations

import glob
from collections.abc import Iterable
from pathlib import Path

from pytest_mlregress.saved_reports.errors import MergeError


def files_named(words: Iterable[str]) -> list[Path]:
    """The files of a command line.

    A shell leaves a pattern that matches nothing as it is, and some expand none. A file that is
    named twice is there twice: a script that names it so has left out another.

    Args:
        words: paths and patterns.

    Returns:
        The files, those of a pattern sorted.

    Raises:
        MergeError: a path is not there, or a pattern matches nothing.
    """
    files: list[Path] = []
    defects = []
    for word in words:
        path = Path(word)
        if path.is_file():
            files.append(path)
        elif path.is_dir():
            defects.append(f"{word}: is a folder; name the reports in it: {word}/shard-*.json")
        elif glob.has_magic(word):
            # Path.glob takes no absolute pattern.
            found = sorted(glob.glob(word, recursive=True))  # noqa: PTH207
            files.extend(map(Path, found))
            if not found:
                defects.append(f"{word}: no file matches; no shard has left a report here")
        else:
            defects.append(f"{word}: there is no such file; its shard has left no report here")
    if defects:
        raise MergeError(defects)
    return files
