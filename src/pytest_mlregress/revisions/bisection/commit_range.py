"""The two ends of a search, as the user names them, and the commits between them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from pytest_mlregress.baselines.git_command import GitError
from pytest_mlregress.revisions.base_commit import ABBREVIATED, find_base_commit
from pytest_mlregress.revisions.repository import Repository, ask_git, run_git
from pytest_mlregress.revisions.worktree_error import WorktreeError
from pytest_mlregress.settings import Against

__all__ = ["Commit", "CommitRange", "read_range"]

_FORMAT: Final = "%H%x00%P%x00%an%x00%aI%x00%s"
_FIELDS: Final = 5
_ACTIONS: Final = "in GitHub Actions, give actions/checkout `fetch-depth: 0`"


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit as git describes it.

    Attributes:
        name: its full name.
        parents: the full names of its parents, the first one first.
        author: who wrote it.
        date: when it was written, in ISO 8601.
        subject: the first line of its message.
    """

    name: str
    parents: tuple[str, ...]
    author: str
    date: str
    subject: str

    @property
    def short(self) -> str:
        """The name as messages have it."""
        return self.name[:ABBREVIATED]


@dataclass(frozen=True, slots=True)
class CommitRange:
    """What lies between two commits.

    Attributes:
        good: the commit that the search starts from.
        bad: the commit that may have lost.
        commits: those that ``bad`` has and ``good`` lacks, each after its parents.
        note: what the user should know about how ``good`` was found; empty for a plain range.
    """

    good: Commit
    bad: Commit
    commits: tuple[Commit, ...]
    note: str = ""


def read_range(repository: Repository, good: str, bad: str) -> CommitRange:
    """The commits between two refs.

    Args:
        repository: the repository.
        good: the ref of the end without the loss. Where it is no ancestor of ``bad``, their merge
            base takes its place, and the note says so.
        bad: the ref of the end with the loss.

    Returns:
        The range; it holds at least one commit.

    Raises:
        WorktreeError: a ref names no commit of this clone, there is no history between both, or it
            is not in this clone.
    """
    first, last = (_named(repository, ref) for ref in (good, bad))
    if first == last:
        raise WorktreeError(
            f"{good} and {bad} are the same commit {first[:ABBREVIATED]}, and there is nothing to "
            f"search; see the history with: git log --oneline {bad}"
        )
    base = _merge_base(repository, (good, first), (bad, last))
    if base == last:
        raise WorktreeError(
            f"{bad} is an ancestor of {good}; the end without the loss comes first: "
            f"mlregress bisect {bad} {good}"
        )
    note = ""
    if base != first:
        note = (
            f"{good} ({first[:ABBREVIATED]}) is no ancestor of {bad}; the search starts at their "
            f"merge base {base[:ABBREVIATED]}"
        )
    commits = _described(repository, "--topo-order", "--reverse", f"{base}..{last}")
    (start,) = _described(repository, "--no-walk", base)
    return CommitRange(start, commits[-1], commits, note)


def _named(repository: Repository, ref: str) -> str:
    if ref == ".":
        raise WorktreeError(
            "the search is among commits, and . is none; commit the changes, and name HEAD"
        )
    tip = Against(ref=ref, tip=True, own_tests=False, python=None, text=ref)
    return find_base_commit(repository, tip).commit


def _merge_base(repository: Repository, good: tuple[str, str], bad: tuple[str, str]) -> str:
    try:
        return ask_git(repository.top, "merge-base", good[1], bad[1]).strip()
    except GitError:
        pass
    both = f"{good[0]} ({good[1][:ABBREVIATED]}) and {bad[0]} ({bad[1][:ABBREVIATED]})"
    if repository.shallow:
        raise WorktreeError(
            f"this shallow clone does not hold the history between {both}; fetch it: "
            f"git fetch --unshallow; {_ACTIONS}"
        )
    raise WorktreeError(
        f"{both} have no common ancestor, and no history leads from one to the other; "
        "list the branches and tags with: git for-each-ref"
    )


def _described(repository: Repository, *selection: str) -> tuple[Commit, ...]:
    printed = run_git(repository.top, "log", "-z", f"--format=tformat:{_FORMAT}", *selection, "--")
    fields = printed.removesuffix("\0").split("\0")
    if len(fields) % _FIELDS:
        raise WorktreeError("git log printed a commit whose author or subject holds a NUL byte")
    return tuple(
        Commit(name, tuple(parents.split()), author, date, subject)
        for name, parents, author, date, subject in zip(
            *(fields[start::_FIELDS] for start in range(_FIELDS)), strict=True
        )
    )
