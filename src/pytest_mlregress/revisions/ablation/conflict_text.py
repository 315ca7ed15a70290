"""What a user reads where git cannot combine two changes."""

from __future__ import annotations

import shlex
from typing import Final

from pytest_mlregress.revisions.ablation.change import Change, ChangeKind
from pytest_mlregress.revisions.ablation.change_spec import BASE_NAME
from pytest_mlregress.revisions.ablation.merge import MergeConflict
from pytest_mlregress.revisions.base_commit import ABBREVIATED

__all__ = ["conflict_text"]

_SHOWN: Final = 8


def conflict_text(base: str, before: str, last: Change, conflict: MergeConflict) -> str:
    """Which two changes are in conflict, in which files, and what to do.

    Args:
        base: the commit of the base.
        before: the name of the combination that the change was applied to.
        last: the change.
        conflict: the conflict.

    Returns:
        One line.
    """
    files = ", ".join(
        file.path if file.kind == "contents" else f"{file.path} ({file.kind})"
        for file in conflict.files[:_SHOWN]
    )
    if len(conflict.files) > _SHOWN:
        files += f" and {len(conflict.files) - _SHOWN} more"
    if before == BASE_NAME:
        return f"{last.name} and BASE ({base[:ABBREVIATED]}) conflict in {files}; " + _onto_base(
            last, base
        )
    cell = shlex.quote(f"{before}+{last.name}")
    return (
        f"{before} and {last.name} conflict in {files}; merge them once by hand and say where: "
        f"--cell {cell}=BRANCH; or leave that combination out: --without {cell} "
        "(whether they act on each other is then not known)"
    )


def _onto_base(change: Change, base: str) -> str:
    start = change.start[:ABBREVIATED]
    if change.kind is ChangeKind.BRANCH:
        return (
            f"rebase it: git rebase {base[:ABBREVIATED]} {shlex.quote(change.spec)}; or give the "
            f"commit that it started from as BASE: {start}"
        )
    return f"make it again on BASE, or give the commit that it started from as BASE: {start}"
