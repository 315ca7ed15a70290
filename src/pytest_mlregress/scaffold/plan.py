"""What is to be written, said before anything is."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

Action: TypeAlias = Literal["write", "edit", "keep"]


@dataclass(frozen=True, slots=True)
class Step:
    """One file.

    Attributes:
        path: the file.
        action: ``write`` a new one, ``edit`` what is there, or ``keep`` it as it is.
        what: what for, or why it is kept, in a few words.
        content: the whole new content; None for a file that is kept.
    """

    path: Path
    action: Action
    what: str
    content: bytes | None = None


def new_file(path: Path, text: str, what: str) -> Step:
    """A new file, or the one that is there, which is never overwritten.

    Args:
        path: the file.
        text: its content.
        what: what for.

    Returns:
        The step.
    """
    if path.exists() or path.is_symlink():
        return Step(path, "keep", "is there already, and stays as it is")
    return Step(path, "write", what, text.encode())
