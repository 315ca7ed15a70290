"""Which files differ between the states of a history, as git's trees have them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from pytest_mlregress.revisions.bisection.commit_range import Commit
from pytest_mlregress.revisions.repository import Repository, run_git, split_names
from pytest_mlregress.running.reads import is_derived

__all__ = ["FileChange", "TreeChanges", "read_tree_changes"]

_NO_FILE: Final = "000000"


@dataclass(frozen=True, slots=True)
class FileChange:
    """A file that differs between two commits.

    Attributes:
        path: its path below the top of the repository.
        only_on_one_side: whether one of the two has no such file.
    """

    path: str
    only_on_one_side: bool


@dataclass(frozen=True, slots=True)
class TreeChanges:
    """The files of several commits, as differences from one of them.

    Attributes:
        blobs: for each commit, the mode and blob of each file that is otherwise than in the
            reference; None for a file that is missing.
        reference: mode and blob, in the reference, of every file that is otherwise in any commit.
    """

    blobs: Mapping[str, Mapping[str, str | None]]
    reference: Mapping[str, str | None]

    def blob(self, commit: str, path: str) -> str | None:
        """Mode and blob of a file.

        Args:
            commit: the full name of a commit.
            path: a path of ``reference``.

        Returns:
            Both, with a blank between them; None where the commit has no such file.
        """
        own = self.blobs[commit]
        return own[path] if path in own else self.reference[path]

    def content(self, commit: str) -> frozenset[tuple[str, str | None]]:
        """What tells a commit's files from another one's.

        Args:
            commit: the full name of a commit.

        Returns:
            Equal for two commits whose files are the same, but for what runs write themselves.
        """
        return frozenset(
            (path, blob) for path, blob in self.blobs[commit].items() if not is_derived(path)
        )

    def between(self, one: str, other: str) -> frozenset[FileChange]:
        """The files that differ between two commits.

        Args:
            one: the full name of a commit.
            other: that of another one.

        Returns:
            The changes; none of what runs write themselves, baselines included.
        """
        found = set()
        for path in self.blobs[one].keys() | self.blobs[other].keys():
            here, there = self.blob(one, path), self.blob(other, path)
            if here != there and not is_derived(path):
                found.add(FileChange(path, here is None or there is None))
        return frozenset(found)

    def made_by(self, commit: Commit) -> frozenset[FileChange]:
        """What a commit changed itself: for a merge, what is otherwise than in every parent."""
        own = [self.between(parent, commit.name) for parent in commit.parents]
        return frozenset.intersection(*own) if own else frozenset()


def read_tree_changes(
    repository: Repository,
    reference: str,
    commits: Iterable[str],
    *,
    is_test: Callable[[str], bool],
) -> TreeChanges:
    """Compare commits with a reference, without checking any of them out.

    Args:
        repository: the repository.
        reference: the full name of the commit that all are compared with.
        commits: the full names of the commits.
        is_test: whether a path is laid over from the working tree, and so the same in all states.

    Returns:
        The changes.

    Raises:
        WorktreeError: git failed.
    """
    blobs: dict[str, dict[str, str | None]] = {reference: {}}
    original: dict[str, str | None] = {}
    for commit in dict.fromkeys(commits):
        listing = split_names(
            run_git(
                repository.top,
                *("diff-tree", "-r", "-z", "--raw", "--no-renames", "--full-index"),
                *("--no-ext-diff", "--no-textconv", reference, commit),
            )
        )
        own = blobs[commit] = {}
        for facts, path in zip(listing[::2], listing[1::2], strict=True):
            if not is_test(path):
                old_mode, mode, old_blob, blob, _ = facts.removeprefix(":").split(" ")
                original[path] = None if old_mode == _NO_FILE else f"{old_mode} {old_blob}"
                own[path] = None if mode == _NO_FILE else f"{mode} {blob}"
    return TreeChanges(blobs, original)
