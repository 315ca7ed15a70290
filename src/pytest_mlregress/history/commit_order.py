"""The commits of runs in the order of the code, which a bisection runs in another one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from pytest_mlregress.baselines.git_command import GitError, git
from pytest_mlregress.history.records import RunRecord

__all__ = ["commit_order"]


def commit_order(runs: Iterable[RunRecord], root: Path) -> Mapping[str, int]:
    """Where each commit stands: after its parents, otherwise by date.

    Args:
        runs: the runs whose commits are asked for.
        root: a folder of the repository.

    Returns:
        Numbers that grow, by commit; without those that the repository does not have, and empty
        outside git.
    """
    commits = {run.commit for run in runs if run.commit is not None}
    if not commits:
        return {}
    asked = ("rev-list", "--date-order", "--reverse", "--ignore-missing", "--end-of-options")
    try:
        listed = git(root, *asked, *sorted(commits), "--").decode().split()
    except GitError:
        return {}
    return {commit: number for number, commit in enumerate(listed) if commit in commits}
