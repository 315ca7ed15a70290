"""Which commit `--mlregress-against` means, and what to fetch where a clone lacks it."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Final

from pytest_mlregress.baselines.git_command import GitError
from pytest_mlregress.revisions.against import Against
from pytest_mlregress.revisions.repository import Repository, ask_git
from pytest_mlregress.revisions.worktree_error import WorktreeError

__all__ = ["ABBREVIATED", "BaseCommit", "find_base_commit"]

ABBREVIATED: Final = 7
"""Number of digits of a commit in messages and labels."""

_DEEPER: Final = 100
_ACTIONS: Final = "in GitHub Actions, give actions/checkout `fetch-depth: 0`"
_COMMIT_ID: Final = re.compile(r"[0-9a-f]{7,64}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class BaseCommit:
    """The commit of the base.

    Attributes:
        commit: the full name of it.
        label: the commit and how it was found, for reports.
        merge_base_of: the ref whose merge base with HEAD it is; None for a tip.
    """

    commit: str
    label: str
    merge_base_of: str | None


def find_base_commit(repository: Repository, against: Against) -> BaseCommit:
    """The commit that an option names.

    Args:
        repository: the candidate's repository.
        against: the option; its ``ref`` is set.

    Returns:
        The commit.

    Raises:
        WorktreeError: there is no such ref, or no common ancestor, in this clone.
    """
    ref = against.ref or "HEAD"
    if against.tip:
        commit = _commit_of(repository.top, ref)
        if commit is None:
            raise _no_such_commit(repository, ref)
        return BaseCommit(commit, f"{commit[:ABBREVIATED]} ({ref})", None)
    if repository.head is None:
        raise WorktreeError(
            f"HEAD has no commit yet, and so no merge base with {ref}; write tip:{ref}"
        )
    try:
        commit = ask_git(repository.top, "merge-base", "HEAD", ref).strip()
    except GitError:
        if _commit_of(repository.top, ref) is None:
            raise _no_such_commit(repository, ref) from None
        raise _no_common_ancestor(repository, ref) from None
    return BaseCommit(commit, f"{commit[:ABBREVIATED]} (merge base with {ref})", ref)


def _commit_of(top: Path, ref: str) -> str | None:
    try:
        return ask_git(top, "rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}").strip()
    except GitError:
        return None


def _no_common_ancestor(repository: Repository, ref: str) -> WorktreeError:
    if repository.shallow:
        remote = _remote_of(repository.top, ref) or "origin"
        branch = ref.removeprefix(f"{remote}/")
        into = "" if branch == ref else f" {_refspec(remote, branch)}"
        return WorktreeError(
            f"this shallow clone holds no common ancestor of HEAD and {ref}; fetch more of the "
            f"history: git fetch --deepen={_DEEPER} {remote}{into}, or all of it: "
            f"git fetch --unshallow {remote}{into}; {_ACTIONS}",
        )
    return WorktreeError(
        f"HEAD and {ref} have no common ancestor; to compare with it, write tip:{ref}"
    )


def _no_such_commit(repository: Repository, ref: str) -> WorktreeError:
    top = repository.top
    start = re.split(r"[~^@]", ref, maxsplit=1)[0]
    if start not in ("", ref) and _commit_of(top, start) is not None:
        remedy = _deeper(repository, start) if repository.shallow else f"git log {start}"
        return WorktreeError(f"{start} has no commit {ref} in this clone; see: {remedy}")
    advice = [*_alternatives(top, ref), *_fetches(repository, ref)]
    if not advice:
        advice = ["list the branches and tags with: git for-each-ref"]
    return WorktreeError("; ".join([f"{ref} names no commit of {top}", *advice]))


def _deeper(repository: Repository, ref: str) -> str:
    remote = _remote_of(repository.top, ref) or "origin"
    return f"git fetch --deepen={_DEEPER} {remote}; {_ACTIONS}"


def _alternatives(top: Path, ref: str) -> list[str]:
    """The names that the user may have had in mind, the same name on a remote first."""
    if Path(ref).exists() and not ref.isidentifier():
        return [f"for an interpreter or a virtual environment, write env:{ref}"]
    listing = ask_git(
        top, "for-each-ref", "--format=%(refname:short)", "refs/heads", "refs/tags", "refs/remotes"
    )
    known = [name for name in listing.splitlines() if not name.endswith("/HEAD")]
    on_remotes = [name for name in known if name.partition("/")[2] == ref]
    # `origin/` in both would make any two branches of a remote look alike.
    shared = f"{ref.partition('/')[0]}/" if "/" in ref else ""
    ends = {name.removeprefix(shared): name for name in known}
    alike = get_close_matches(ref.removeprefix(shared), ends, n=2, cutoff=0.6)
    close = on_remotes or [ends[end] for end in alike]
    return [f"did you mean {' or '.join(close)}?"] if close else []


def _fetches(repository: Repository, ref: str) -> list[str]:
    """The command that brings the ref from the remote, if there is one."""
    remote = _remote_of(repository.top, ref)
    if remote is None:
        return []
    if _COMMIT_ID.fullmatch(ref):
        command = f"git fetch --unshallow {remote}" if repository.shallow else f"git fetch {remote}"
    else:
        branch = ref.removeprefix(f"{remote}/")
        deepen = f"--deepen={_DEEPER} " if repository.shallow else ""
        command = f"git fetch {deepen}{remote} {_refspec(remote, branch)}"
        if branch == ref:
            command += f", and write {remote}/{branch}"
    advice = [f"if {remote} has it, fetch it: {command}"]
    return [*advice, _ACTIONS] if repository.shallow else advice


def _refspec(remote: str, branch: str) -> str:
    return shlex.quote(f"{branch}:refs/remotes/{remote}/{branch}")


def _remote_of(top: Path, ref: str) -> str | None:
    """The remote that a ref such as ``origin/main`` names, else ``origin``, else any."""
    remotes = ask_git(top, "remote").splitlines()
    named = ref.partition("/")[0]
    for candidate in (named, "origin"):
        if candidate in remotes:
            return candidate
    return remotes[0] if remotes else None
