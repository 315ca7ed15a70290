"""A change whose effect is measured: from one state of the code to another."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Change", "ChangeKind"]


class ChangeKind(StrEnum):
    """What names a change."""

    BRANCH = "branch"
    COMMIT = "commit"
    RANGE = "range"
    PATCH = "patch"
    WORKTREE = "worktree"


@dataclass(frozen=True, slots=True)
class Change:
    """The difference between two commits, which is applied to other code by a three-way merge.

    Attributes:
        name: its short name, for tables.
        kind: what names it.
        spec: how the user wrote it.
        start: the commit that it starts from.
        end: the commit with the change; one that no ref reaches for a patch and the working tree.
        commits: the commits that it consists of, the newest first; none for a patch and the working
            tree.
    """

    name: str
    kind: ChangeKind
    spec: str
    start: str
    end: str
    commits: tuple[str, ...] = ()
