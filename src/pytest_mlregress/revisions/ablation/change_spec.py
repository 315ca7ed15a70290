"""How a change is written on the command line: ``[NAME=]SPEC``."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Final

from pytest_mlregress.revisions.ablation.change import ChangeKind
from pytest_mlregress.revisions.worktree_error import WorktreeError

__all__ = ["BASE_NAME", "LONGEST_NAME", "ChangeSpec", "is_patch", "read_specs"]

BASE_NAME: Final = "BASE"
"""The name of the state without any change, in tables."""

_WORKTREE: Final = (".", "WORKTREE")
_PATCHES: Final = (".patch", ".diff")
LONGEST_NAME: Final = 16
"""Characters of a name in a table of 80 columns."""

_NAME: Final = re.compile(rf"[^\s+=,|]{{1,{LONGEST_NAME}}}")
_FORMS: Final = (
    "expected a branch or tag, a commit, a range X..Y, a .patch or .diff file, or WORKTREE, "
    "each with or without NAME= before it"
)


@dataclass(frozen=True, slots=True)
class ChangeSpec:
    """A change as the user wrote it.

    Attributes:
        name: the short name that the user gave it; None for the default.
        spec: the ref, range or file.
    """

    name: str | None
    spec: str

    @property
    def kind(self) -> ChangeKind | None:
        """What the text alone says; None where git has to say whether it is a branch or a commit.

        Returns:
            The kind.
        """
        if self.spec in _WORKTREE:
            return ChangeKind.WORKTREE
        if is_patch(self.spec):
            return ChangeKind.PATCH
        return ChangeKind.RANGE if ".." in self.spec else None


def is_patch(spec: str) -> bool:
    """Whether a text names a patch, by its suffix.

    Args:
        spec: the text.

    Returns:
        True for ``.patch`` and ``.diff``.
    """
    return spec.endswith(_PATCHES)


def read_specs(
    texts: Sequence[str], *, directory: Path, is_commit: Callable[[str], bool]
) -> list[ChangeSpec]:
    """The changes of a command line, in its order.

    A ``=`` splits name and spec, unless the whole text names a commit or a file.

    Args:
        texts: the values of ``--change``.
        directory: where relative paths start.
        is_commit: whether git knows a commit by that text.

    Returns:
        The changes.

    Raises:
        WorktreeError: none, an empty one, an unusable name, or a file that is no patch.
    """
    if not texts:
        raise WorktreeError(f"no change to measure; give --change once for each: {_FORMS}")
    return [_read(text.strip(), directory, is_commit) for text in texts]


def _read(text: str, directory: Path, is_commit: Callable[[str], bool]) -> ChangeSpec:
    name, equals, spec = text.partition("=")
    whole = not equals or is_commit(text) or (directory / text).is_file()
    found = ChangeSpec(None, text) if whole else ChangeSpec(name.strip(), spec.strip())
    _check(text, found, directory, is_commit)
    return found


def _check(text: str, found: ChangeSpec, directory: Path, is_commit: Callable[[str], bool]) -> None:
    if not found.spec:
        raise WorktreeError(f"--change {text!r} is empty; {_FORMS}")
    if found.name is not None and (not _NAME.fullmatch(found.name) or found.name == BASE_NAME):
        raise WorktreeError(
            f"--change {text!r}: {found.name!r} is no name for a change; write up to "
            f"{LONGEST_NAME} characters without white space, +, comma and |, and not {BASE_NAME}"
        )
    if found.spec.startswith(("-", "^")):
        raise WorktreeError(
            f"--change {text!r}: a ref cannot start with {found.spec[0]}; "
            f"write refs/heads/{found.spec} for a branch"
        )
    path = directory / found.spec
    if found.kind is ChangeKind.PATCH and not path.is_file() and not is_commit(found.spec):
        raise WorktreeError(f"--change {text!r}: there is no file {path}{_alike(path)}")
    if found.kind is None and path.is_file() and not is_commit(found.spec):
        raise WorktreeError(
            f"--change {text!r}: {found.spec} is a file, and the name of a patch ends with .patch "
            f"or .diff; {_FORMS}"
        )


def _alike(path: Path) -> str:
    """The patches beside a path whose names are close to its name."""
    if not path.parent.is_dir():
        return f"; {path.parent} is no folder"
    patches = {entry.stem: entry for entry in path.parent.iterdir() if is_patch(entry.name)}
    close = get_close_matches(path.stem, patches, n=2, cutoff=0.6)
    return f"; did you mean {' or '.join(str(patches[stem]) for stem in close)}?" if close else ""
