"""The first-party files that test files import, without importing anything."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from pytest_mlregress.running.import_closure import imports_of
from pytest_mlregress.running.reads import module_at

__all__ = ["imported_files"]


def imported_files(files: Iterable[Path], roots: Sequence[Path], top: Path) -> tuple[Path, ...]:
    """Follow the import statements of files through a project.

    Args:
        files: where to begin; they are among the answer.
        roots: the folders that absolute imports are looked up in. The folder that pytest puts on
            the path for a file is one, too.
        top: the folder that the answer lies in.

    Returns:
        Python files, each once, in the order in which they are reached.
    """
    found: dict[Path, None] = {}
    waiting = list(files)
    while waiting:
        file = waiting.pop(0)
        if file in found or file.suffix != ".py" or not file.is_relative_to(top):
            continue
        found[file] = None
        for level, name in imports_of(file).names:
            waiting += _resolved(file, level, name, (*roots, _basedir(file)))
    return tuple(found)


def _basedir(file: Path) -> Path:
    """What pytest's `prepend` import mode puts on the path: the first folder above the packages."""
    folder = file.parent
    while (folder / "__init__.py").is_file() and folder.parent != folder:
        folder = folder.parent
    return folder


def _resolved(file: Path, level: int, name: str, roots: Iterable[Path]) -> Iterator[Path]:
    """The files that one import executes: packages on the way, and the module."""
    parts = name.split(".") if name else []
    if level:
        folders = [file.parents[level - 1]] if level <= len(file.parents) else []
    else:
        folders = list(dict.fromkeys(roots))
    for part in parts:
        for folder in folders:
            if (module := module_at(folder / part)) is not None:
                yield module
        folders = [folder / part for folder in folders if (folder / part).is_dir()]
        if not folders:
            return
