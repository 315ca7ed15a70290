"""The files of a project, without what is not its own: environments, caches, other repositories."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

__all__ = ["MOST_FILES", "files_below", "nearest", "text_of"]

MOST_FILES: Final = 20_000
"""So many files are looked at; folders of data can hold millions."""

_PRUNED: Final = frozenset(
    {
        *("build", "dist", "node_modules", "site-packages", "venv", "env", "__pycache__", "wandb"),
        *("mlruns", "lightning_logs", "outputs", "checkpoints"),
    }
)
_LARGEST: Final = 2**20


def files_below(folder: Path, suffix: str) -> Iterator[Path]:
    """The files of a project with a suffix, by folder and name.

    Args:
        folder: where to look.
        suffix: how their names end.

    Yields:
        Absolute paths.
    """
    seen = 0
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if _is_own(Path(place, name)))
        for name in sorted(names):
            seen += 1
            if name.endswith(suffix):
                yield Path(place, name)
        if seen > MOST_FILES:
            return


def _is_own(folder: Path) -> bool:
    name = folder.name
    return not (
        name.startswith(".")
        or name in _PRUNED
        or (folder / "pyvenv.cfg").exists()
        or (folder / ".git").exists()
    )


def nearest(folder: Path, top: Path, *names: str) -> Path | None:
    """The first file of some names, in a folder or else in those above it.

    Args:
        folder: where to begin.
        top: the last folder to look in.
        *names: names of files, the preferred ones first.

    Returns:
        The file; None where there is none.
    """
    for place in (folder, *folder.parents):
        for name in names:
            if (place / name).is_file():
                return place / name
        if place == top:
            break
    return None


def text_of(file: Path) -> str:
    """The text of a file: empty if it is missing, too large for a text, or cannot be read."""
    try:
        if file.stat().st_size > _LARGEST * 8:
            return ""
        return file.read_text(encoding="utf-8-sig", errors="replace")
    except OSError:
        return ""
