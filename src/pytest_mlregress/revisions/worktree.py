"""A second checkout of the repository at another commit, for as long as it is needed."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from pytest_mlregress.baselines.git_command import GitError, git

_CHECKOUT_TIMEOUT_S: Final = 300.0
"""How long the checkout of a commit may take."""


class WorktreeError(Exception):
    """A commit that cannot be checked out; the text names it and the remedy."""


@contextmanager
def worktree_of(directory: Path, commit: str) -> Iterator[Path]:
    """Check out ``commit`` of the repository that contains ``directory`` beside it.

    Yields the folder in the worktree that corresponds to ``directory``; the worktree is removed
    afterwards. Files that git does not track, such as data sets, are not in it.

    Raises:
        WorktreeError: there is no repository or no such commit, or git fails.
    """
    top = Path(_git(directory, "rev-parse", "--show-toplevel").rstrip("\n"))
    try:
        _git(top, "cat-file", "-e", f"{commit}^{{commit}}")
    except WorktreeError:
        raise WorktreeError(
            f"commit {commit[:10]} is not in this repository; in a shallow clone, fetch it first: "
            "git fetch --unshallow"
        ) from None
    inside = directory.resolve().relative_to(top.resolve())
    with tempfile.TemporaryDirectory(prefix="mlregress-worktree-") as folder:
        place = Path(folder) / "code"
        _git(top, "worktree", "add", "--detach", "--quiet", str(place), commit)
        try:
            yield place / inside
        finally:
            _git(top, "worktree", "remove", "--force", str(place))


def _git(directory: Path, *arguments: str) -> str:
    try:
        printed = git(directory, *arguments, timeout_s=_CHECKOUT_TIMEOUT_S)
    except GitError as error:
        raise WorktreeError(f"git {arguments[0]} failed: {error}") from None
    return os.fsdecode(printed)
