"""The files of the candidate's checkout, and which of them differ from the base."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pytest_mlregress.baselines.paths import FOLDER
from pytest_mlregress.revisions.repository import run_git, split_names

__all__ = ["GITLINK", "CandidateFiles", "list_candidate"]

GITLINK: Final = "160000"
"""The mode of a submodule in git's listings."""

_PLAIN_DIFF: Final = (
    *("--no-ext-diff", "--no-textconv", "--no-renames"),
    "--ignore-submodules=untracked",  # its changes are changes, its build outputs are not
)


@dataclass(frozen=True, slots=True)
class CandidateFiles:
    """The files of a checkout, by their paths below its top.

    Attributes:
        tracked: the files that git tracks; a submodule is one entry.
        submodules: the submodules among them.
        untracked: the files that it does not track and does not ignore.
        altered: the tracked files that the base lacks, or has with other content or mode.
        removed: the files of the base that the candidate does not have.
    """

    tracked: frozenset[str]
    submodules: frozenset[str]
    untracked: frozenset[str]
    altered: frozenset[str]
    removed: frozenset[str]

    @property
    def present(self) -> frozenset[str]:
        """Every file that is there, tracked or not; none that git ignores."""
        return (self.tracked - self.removed) | self.untracked

    @property
    def changed(self) -> frozenset[str]:
        """Every file that differs from the base, removed and untracked ones included.

        Baselines are no code, and an update changes them.
        """
        changed = self.altered | self.removed | self.untracked
        return frozenset(path for path in changed if FOLDER not in path.split("/"))


def list_candidate(top: Path, base_commit: str) -> CandidateFiles:
    """Compare a checkout, as it is, with a commit.

    Args:
        top: the top of the checkout.
        base_commit: the commit.

    Returns:
        The files.

    Raises:
        WorktreeError: git failed.
    """
    listing = split_names(
        run_git(top, "ls-files", "-z", "-s", "-t", "-c", "-o", "--exclude-standard")
    )
    untracked = frozenset(entry[2:] for entry in listing if entry[0] == "?")
    modes = {entry.partition("\t")[2]: entry[2:8] for entry in listing if entry[0] != "?"}
    states = split_names(run_git(top, "diff", "--name-status", "-z", *_PLAIN_DIFF, base_commit))
    state_of = dict(zip(states[1::2], states[::2], strict=True))
    removed = frozenset(path for path, state in state_of.items() if state == "D") - untracked
    return CandidateFiles(
        tracked=frozenset(modes),
        submodules=frozenset(path for path, mode in modes.items() if mode == GITLINK),
        untracked=untracked,
        altered=frozenset(path for path, state in state_of.items() if state != "D"),
        removed=removed,
    )
