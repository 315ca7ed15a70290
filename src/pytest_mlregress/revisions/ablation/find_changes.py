"""What the names of changes stand for in a repository.

A branch, tag or HEAD is all that happened on it since it left the base; any other name of a commit
(a hash, ``REF^0``, ``REF~2``) is that commit alone. `git rev-parse --symbolic-full-name` tells them
apart: it prints the full name of a ref, and nothing for a commit.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from string import ascii_uppercase
from typing import Final

from pytest_mlregress.baselines.git_command import GitError
from pytest_mlregress.revisions.ablation.change import Change, ChangeKind
from pytest_mlregress.revisions.ablation.change_spec import (
    BASE_NAME,
    LONGEST_NAME,
    ChangeSpec,
    read_specs,
)
from pytest_mlregress.revisions.ablation.loose_commit import empty_tree, loose_commit
from pytest_mlregress.revisions.ablation.patch_change import apply_patch
from pytest_mlregress.revisions.ablation.worktree_change import commit_working_tree
from pytest_mlregress.revisions.against import Against
from pytest_mlregress.revisions.base_commit import ABBREVIATED, find_base_commit
from pytest_mlregress.revisions.repository import Repository, ask_git, run_git
from pytest_mlregress.revisions.worktree_error import WorktreeError

__all__ = ["find_changes", "find_commit"]

_LINES_OF_WORK: Final = ("refs/heads/", "refs/tags/", "refs/remotes/")
_ROOM: Final = 40
"""Characters of a combination of all changes in a table of 80 columns."""

_DEEPEN: Final = "git fetch --deepen=100 (or --unshallow)"


def find_commit(repository: Repository, ref: str) -> str:
    """The commit that a ref names.

    Args:
        repository: the repository.
        ref: the ref, tag or hash.

    Returns:
        The full name of the commit.

    Raises:
        WorktreeError: there is none; says close matches, and what to fetch.
    """
    against = Against(ref=ref, tip=True, own_tests=False, python=None, text=ref)
    return find_base_commit(repository, against).commit


def find_changes(
    repository: Repository, base: str, texts: Sequence[str], *, directory: Path
) -> list[Change]:
    """The changes of a command line.

    Args:
        repository: the repository.
        base: the commit that they are measured against.
        texts: the values of ``--change``.
        directory: where relative paths of patches start.

    Returns:
        The changes, in the order of the texts, with different names.

    Raises:
        WorktreeError: one of them cannot be read, or two have the same name.
    """
    specs = read_specs(
        texts, directory=directory, is_commit=lambda text: _names_commit(repository, text)
    )
    changes = [_find(repository, base, spec, directory) for spec in specs]
    _refuse_unusable_names(changes)
    return _with_short_names(changes, [spec.name is not None for spec in specs])


def _find(repository: Repository, base: str, spec: ChangeSpec, directory: Path) -> Change:
    kind = spec.kind
    if kind is ChangeKind.PATCH and not (directory / spec.spec).is_file():
        kind = None  # a branch with such a name
    if kind is ChangeKind.PATCH:
        name = spec.name or Path(spec.spec).stem
        end = apply_patch(repository.top, base, directory / spec.spec)
        return Change(name, kind, spec.spec, base, end)
    if kind is ChangeKind.WORKTREE:
        return _working_tree(repository, spec)
    if kind is ChangeKind.RANGE:
        return _range(repository, spec)
    commit = find_commit(repository, spec.spec)
    full = ask_git(repository.top, "rev-parse", "--symbolic-full-name", spec.spec).strip()
    if full == "HEAD" or full.startswith(_LINES_OF_WORK):
        return _branch(repository, base, spec, commit)
    return _commit(repository, spec, commit)


def _branch(repository: Repository, base: str, spec: ChangeSpec, commit: str) -> Change:
    start = _fork_point(repository, base, commit, spec.spec)
    name = spec.name or spec.spec.removeprefix("refs/heads/")
    commits = _commits(repository, start, commit)
    return Change(name, ChangeKind.BRANCH, spec.spec, start, commit, commits)


def _commit(repository: Repository, spec: ChangeSpec, commit: str) -> Change:
    name = spec.name or commit[:ABBREVIATED]
    start = _parent(repository, commit)
    return Change(name, ChangeKind.COMMIT, spec.spec, start, commit, (commit,))


def _range(repository: Repository, spec: ChangeSpec) -> Change:
    first, _, last = spec.spec.partition("..")
    if "..." in spec.spec or not first or not last:
        raise WorktreeError(
            f"--change {spec.spec!r}: a range is written X..Y, the commits of Y that X lacks"
        )
    end = find_commit(repository, last)
    start = _fork_point(repository, find_commit(repository, first), end, last)
    commits = _commits(repository, start, end)
    return Change(spec.name or spec.spec, ChangeKind.RANGE, spec.spec, start, end, commits)


def _working_tree(repository: Repository, spec: ChangeSpec) -> Change:
    if repository.head is None:
        raise WorktreeError(
            "HEAD has no commit yet, so the working tree is no change to anything; commit first"
        )
    end = commit_working_tree(repository, repository.head)
    return Change(spec.name or "worktree", ChangeKind.WORKTREE, spec.spec, repository.head, end)


def _names_commit(repository: Repository, text: str) -> bool:
    try:
        ask_git(repository.top, "rev-parse", "--verify", "--quiet", f"{text}^{{commit}}")
    except (GitError, ValueError):
        return False
    return True


def _commits(repository: Repository, start: str, end: str) -> tuple[str, ...]:
    return tuple(run_git(repository.top, "rev-list", end, f"^{start}").split())


def _fork_point(repository: Repository, base: str, commit: str, name: str) -> str:
    try:
        return ask_git(repository.top, "merge-base", base, commit).split()[0]
    except GitError:
        short = base[:ABBREVIATED]
        if repository.shallow:
            raise WorktreeError(
                f"this shallow clone holds no common ancestor of {short} and {name}; "
                f"fetch more of the history: {_DEEPEN}"
            ) from None
        raise WorktreeError(
            f"{short} and {name} have no common ancestor, so what {name} changes is not defined; "
            f"give its commits as a range: --change FIRST..{name}"
        ) from None


def _parent(repository: Repository, commit: str) -> str:
    """The first parent; of a first commit, one without any file."""
    top = repository.top
    parents = run_git(top, "rev-list", "--parents", "-n", "1", commit).split()[1:]
    if parents:
        return parents[0]
    if "\nparent " in run_git(top, "cat-file", "commit", commit).partition("\n\n")[0]:
        raise WorktreeError(
            f"this shallow clone lacks the parent of {commit[:ABBREVIATED]}, so what that commit "
            f"changes is not known; fetch more of the history: {_DEEPEN}"
        )
    return loose_commit(top, empty_tree(top), None, "Nothing")


def _refuse_unusable_names(changes: Sequence[Change]) -> None:
    for change in changes:
        if "+" in change.name or change.name == BASE_NAME:
            raise WorktreeError(
                f"{change.name} cannot be told from a combination of changes; give it a short "
                f"name: --change NAME={change.spec}"
            )
    for name, times in Counter(change.name for change in changes).items():
        if times > 1:
            first, second, *_ = [change.spec for change in changes if change.name == name]
            raise WorktreeError(
                f"two changes are named {name}: {first} and {second}; give one of them another "
                f"name: --change NAME={second}"
                if first != second
                else f"--change {first} is given twice"
            )


def _with_short_names(changes: Sequence[Change], given: Sequence[bool]) -> list[Change]:
    """Letters in place of names that are too long for a table; names of the user's stay."""
    names = [change.name for change in changes]
    if len("+".join(names)) <= _ROOM and max(map(len, names)) <= LONGEST_NAME:
        return list(changes)
    taken = {name for name, own in zip(names, given, strict=True) if own}
    letters = iter(letter for letter in ascii_uppercase if letter not in taken)
    return [
        change if own else replace(change, name=next(letters))
        for change, own in zip(changes, given, strict=True)
    ]
