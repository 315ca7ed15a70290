"""Git's entries of worktrees, of which only those of ours are touched.

An entry is the folder ``worktrees/<name>`` of a repository. It is ours by the name of the folder
that it points to, wherever that lies.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

__all__ = ["OURS", "PREFIX", "entries_of_ours", "entry_of"]

PREFIX: Final = "mlregress-base-"
"""How the name of every folder with a worktree of ours starts."""

OURS: Final = re.compile(rf"{PREFIX}[0-9a-f]{{8}}")
"""The whole name of such a folder."""


def entry_of(worktree: Path) -> Path | None:
    """Git's entry of a worktree; None unless each names the other.

    What runs in a worktree may change where its ``.git`` file points, and git must not take the
    user's own checkout for it.

    Args:
        worktree: the top folder of the worktree.

    Returns:
        The entry, such as ``.git/worktrees/name``.
    """
    with suppress(OSError, UnicodeError):
        text = (worktree / ".git").read_text(encoding="utf-8", errors="surrogateescape")
        if text.startswith("gitdir: "):
            entry = worktree / text.removeprefix("gitdir: ").rstrip("\n")
            return entry if _worktree_of(entry) == worktree.resolve() else None
    return None


def entries_of_ours(repository: Path) -> Iterator[tuple[Path, Path | None]]:
    """Git's entries of worktrees of ours, and the folder that each names.

    Args:
        repository: git's shared folder of the repository, or of a submodule.

    Yields:
        The entry, and the folder of ours that is or contains its worktree; None for an entry that
        names no folder yet.
    """
    with suppress(OSError):
        for entry in sorted((repository / "worktrees").iterdir()):
            path = _worktree_of(entry)
            if path is None and OURS.match(entry.name):
                yield entry, None
            elif path is not None:
                ours = next((up for up in (path, *path.parents) if OURS.fullmatch(up.name)), None)
                if ours is not None:
                    yield entry, ours


def _worktree_of(entry: Path) -> Path | None:
    with suppress(OSError):
        text = (entry / "gitdir").read_text(encoding="utf-8", errors="surrogateescape").rstrip("\n")
        if text:
            return (entry / text).parent.resolve()
    return None
