"""Where a baseline's values come from: the working tree, the command and the environment.

Nothing in here raises: values that cannot be found out are None, because a missing git must not
stop a training run.
"""

import hashlib
import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from pytest_mlregress import __version__
from pytest_mlregress.baselines.artifact import Environment, Provenance
from pytest_mlregress.baselines.git_command import GitError, git, has_repository_above
from pytest_mlregress.baselines.paths import FOLDER
from pytest_mlregress.baselines.visible import visible

__all__ = [
    "CODE_PATHS",
    "WorkingTree",
    "collect_provenance",
    "holds_changes",
    "unchanged_since",
    "utc_now",
    "working_tree",
]

# An update writes baselines, and running Python writes bytecode: neither is a change of the code.
CODE_PATHS: Final = (
    ":(top)",
    f":(top,exclude,glob)**/{FOLDER}/**",
    ":(top,exclude,glob)**/__pycache__/**",
)
"""What git is asked about where the code is meant."""

_HASH_LENGTH: Final = 16
_HASHED_PER_FILE: Final = 2**20
_UNTRACKED: Final = b"??"


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkingTree:
    """The state of the code.

    Attributes:
        commit: the commit checked out; None outside a repository and before its first commit.
        branch: the branch checked out, None when detached.
        dirty: whether the tree holds changes that are in no commit; untracked files count unless
            git ignores them or a run has written them, baselines and bytecode never do.
        diff_hash: hash of those changes, None for a clean tree.
        changed: the files that are dirty, sorted, relative to the repository.
        unknown: why git could not tell, in its words; None if it could. A tree that it could not
            inspect is dirty.
    """

    commit: str | None = None
    branch: str | None = None
    dirty: bool = False
    diff_hash: str | None = None
    changed: tuple[str, ...] = ()
    unknown: str | None = None


def working_tree(directory: Path, *, own: Iterable[Path] = ()) -> WorkingTree:
    """The state of the repository that contains a directory; the empty state outside one.

    If git cannot tell, because of another owner of the folder, a broken `HEAD`, a timeout or a
    missing git, the state is unknown and hence dirty: it must not be taken for a commit.

    Args:
        directory: the directory.
        own: files that a run writes, and folders of such: untracked ones are no change.

    Returns:
        The state.
    """
    try:
        top = Path(_line(git(directory, "rev-parse", "--show-toplevel")))
    except GitError as error:
        if not has_repository_above(directory):
            return WorkingTree()
        return WorkingTree(dirty=True, unknown=_said(error))
    commit = _optional(top, "rev-parse", "--verify", "--quiet", "HEAD")
    branch = _optional(top, "symbolic-ref", "--short", "--quiet", "HEAD")
    try:
        entries = _status(top, own)
        if commit is None:
            _check_unborn(top, branch)
    except GitError as error:
        return WorkingTree(commit=commit, branch=branch, dirty=True, unknown=_said(error))
    return WorkingTree(
        commit=commit,
        branch=branch,
        dirty=bool(entries),
        diff_hash=_diff_hash(top, entries, commit) if entries else None,
        changed=tuple(sorted(_readable(path) for _, path in entries)),
    )


def collect_provenance(
    rootdir: Path,
    *,
    seeds: Iterable[int],
    environment: Environment,
    command: Sequence[str],
    tree: WorkingTree | None = None,
    time: str | None = None,
) -> Provenance:
    """The provenance of values that are recorded now.

    Args:
        rootdir: pytest's rootdir.
        seeds: the seeds that ran.
        environment: from `describe_environment` in the process that trained.
        command: what may be kept of the command line: no secret, no absolute path.
        tree: the state of the code if it was looked up already, as when a session starts.
        time: when, in UTC (ISO 8601); None for now.

    Returns:
        The provenance.
    """
    tree = tree or working_tree(rootdir)
    return Provenance(
        plugin=__version__,
        time=time or utc_now(),
        commit=tree.commit,
        branch=tree.branch,
        dirty=tree.dirty,
        diff_hash=tree.diff_hash,
        command=tuple(command),
        seeds=tuple(seeds),
        environment=environment,
    )


def unchanged_since(directory: Path, commit: str) -> bool:
    """Whether the tracked code is that of the commit.

    Args:
        directory: a directory of the repository.
        commit: the commit.

    Returns:
        False also if git cannot tell.
    """
    try:
        git(directory, "diff", "--quiet", "--no-ext-diff", commit, "--", *CODE_PATHS)
    except GitError:  # a difference is reported as a failure, too
        return False
    return True


def holds_changes(
    directory: Path, commit: str, diff_hash: str | None, *, own: Iterable[Path] = ()
) -> bool:
    """Whether the code is that of a commit with certain changes, committed since or not.

    Args:
        directory: a directory of the repository.
        commit: the commit.
        diff_hash: `WorkingTree.diff_hash` of a tree at that commit, None for a clean one.
        own: as `working_tree` takes it.

    Returns:
        False also if git cannot tell.
    """
    try:
        top = Path(_line(git(directory, "rev-parse", "--show-toplevel")))
        untracked = [entry for entry in _status(top, own) if entry[0] == _UNTRACKED]
    except GitError:
        return False
    if diff_hash is None:
        return not untracked and unchanged_since(top, commit)
    return _diff_hash(top, untracked, commit) == diff_hash


def utc_now() -> str:
    """The time in UTC, to the second, as ISO 8601 writes it."""
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _check_unborn(top: Path, branch: str | None) -> None:
    """Tell a branch before its first commit from one whose commit git cannot read.

    Raises:
        GitError: it is the second.
    """
    if branch is None:
        raise GitError("HEAD names neither a branch nor a commit; look at it with: git fsck")
    place = top / _line(git(top, "rev-parse", "--git-path", f"refs/heads/{branch}"))
    if place.exists():
        raise GitError(f"the branch {branch} names no commit; look at it with: git fsck")


def _said(error: GitError) -> str:
    return " ".join(visible(str(error)).split())


def _status(top: Path, own: Iterable[Path]) -> list[tuple[bytes, bytes]]:
    """The dirty files as (state, path), without untracked ones that a run has written."""
    listing = git(
        top,
        "status",
        "--porcelain=v1",
        "-z",
        "--no-renames",
        "--untracked-files=all",
        "--",
        *CODE_PATHS,
    )
    entries = [(line[:2], line[3:]) for line in listing.split(b"\0") if line]
    ours = {path.resolve() for path in own}
    return [
        (state, path)
        for state, path in entries
        if state != _UNTRACKED or ours.isdisjoint(_with_folders(top.resolve(), path))
    ]


def _with_folders(top: Path, path: bytes) -> list[Path]:
    file = top / os.fsdecode(path)
    return [file, *file.parents]


def _diff_hash(top: Path, entries: list[tuple[bytes, bytes]], commit: str | None) -> str | None:
    """A hash that two trees share exactly if they hold the same changes to the same commit."""
    digest = hashlib.sha256()
    since = [commit] if commit else ["--cached"]
    plain = ("--no-ext-diff", "--no-textconv", "--no-color", "--no-renames", "--binary")
    try:
        digest.update(git(top, "diff", *plain, *since, "--", *CODE_PATHS))
    except GitError:
        return None
    for state, path in sorted(entries):
        if state == _UNTRACKED:
            digest.update(path + b"\0" + _content(top / os.fsdecode(path)))
    return digest.hexdigest()[:_HASH_LENGTH]


def _content(path: Path) -> bytes:
    """The start of an untracked file and its size: a large data set is not read whole."""
    with suppress(OSError), path.open("rb") as file:
        return b"%d\0" % path.stat().st_size + file.read(_HASHED_PER_FILE)
    return b""


def _optional(directory: Path, *arguments: str) -> str | None:
    try:
        return _line(git(directory, *arguments)) or None
    except GitError:
        return None


def _line(output: bytes) -> str:
    return os.fsdecode(output).rstrip("\n")


def _readable(path: bytes) -> str:
    return visible(path.decode(errors="backslashreplace"))
