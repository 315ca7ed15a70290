"""The text of a file in git's store."""

from __future__ import annotations

from pytest_mlregress.revisions.candidate_files import GITLINK
from pytest_mlregress.revisions.repository import Repository, run_git

__all__ = ["blob_text"]


def blob_text(repository: Repository, blob: str) -> str:
    """The content of a file.

    Args:
        repository: the repository.
        blob: its mode and blob, as `TreeChanges` has them.

    Returns:
        The text, bytes that are no UTF-8 as surrogates; empty for a submodule and for a binary
        file.

    Raises:
        WorktreeError: git failed.
    """
    mode, name = blob.split(" ")
    if mode == GITLINK:
        return ""
    text = run_git(repository.top, "cat-file", "blob", name)
    return "" if "\0" in text else text
