"""A patch file as a change: what it makes of the base."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

from pytest_mlregress.baselines.git_command import GitError
from pytest_mlregress.revisions.ablation.loose_commit import loose_commit
from pytest_mlregress.revisions.ablation.temporary_index import temporary_index
from pytest_mlregress.revisions.base_commit import ABBREVIATED
from pytest_mlregress.revisions.worktree_error import WorktreeError

__all__ = ["apply_patch"]

_REFUSED: Final = re.compile(r"^(?:error: )?(.+?): (?:patch does not apply|does not exist)", re.M)
_CONFLICTED: Final = re.compile(r"^U (.+)$", re.M)
_SHOWN: Final = 5


def apply_patch(top: Path, base: str, patch: Path) -> str:
    """The commit that a patch makes of the base; neither checkout nor index is touched.

    Args:
        top: the top of the checkout.
        base: the commit that it is applied to.
        patch: the file, as ``git diff`` or ``git format-patch`` write it; its paths start at the
            top of the repository.

    Returns:
        The full name of a commit on the base.

    Raises:
        WorktreeError: the file cannot be read, is no patch, or does not apply; names the files.
    """
    path = patch.resolve()
    try:
        with path.open("rb") as file:
            empty = not file.read(1)
    except OSError as error:
        raise WorktreeError(f"{patch} cannot be read: {error.strerror or error}") from None
    if empty:
        raise WorktreeError(f"{patch} is empty; write it again: git diff BASE..CHANGE > {patch}")
    with temporary_index(top) as index:
        try:
            index("read-tree", base)
            index("apply", "--cached", "--3way", str(path))
            tree = index("write-tree").strip()
        except GitError as error:
            if _is_applied(index, base, path):
                raise WorktreeError(
                    f"{patch} is already in BASE ({base[:ABBREVIATED]}); leave it out, or give an "
                    "older BASE"
                ) from None
            raise WorktreeError(_problem(patch, base, str(error))) from None
    return loose_commit(top, tree, base, "Patch")


def _is_applied(index: Callable[..., str], base: str, path: Path) -> bool:
    try:
        index("read-tree", base)
        index("apply", "--cached", "--check", "--reverse", str(path))
    except GitError:
        return False
    return True


def _problem(patch: Path, base: str, said: str) -> str:
    short = base[:ABBREVIATED]
    files = list(dict.fromkeys((*_REFUSED.findall(said), *_CONFLICTED.findall(said))))
    if files:
        more = f" and {len(files) - _SHOWN} more" if len(files) > _SHOWN else ""
        return (
            f"{patch} does not apply to {short} (BASE): {', '.join(files[:_SHOWN])}{more}; "
            "give the commit that it was made from as BASE, or commit it on a branch and give the "
            "branch"
        )
    return (
        f"{patch} is not a patch that git can apply ({said.splitlines()[-1]}); "
        "write it again with git diff or git format-patch"
    )
