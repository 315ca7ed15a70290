"""The steps that look for the change behind a verdict, in the state that the tree is in."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import Final

from pytest_mlregress.revisions.history import History
from pytest_mlregress.verdicts.group import GroupPlan

SHORT: Final = 10
"""Characters of a commit in a command."""

_CODE: Final = "':!*__baselines__*'"
"""A pathspec for git: baselines are not counted as changes."""


def what_changed(
    plan: GroupPlan, commit: str | None, history: History | None, *, lost: bool
) -> Iterator[str]:
    """Commands that show the change since a commit, and that find the part of it that matters.

    Args:
        plan: the test.
        commit: that of the baseline or the base; None if it is unknown.
        history: what git knows; None without git.
        lost: whether seeds lost in numbers, so that a search by trainings can find the commit.

    Yields:
        One step each; none outside git.
    """
    if commit is None or history is None or history.tree.commit is None:
        return
    if not history.knows(commit):
        if history.shallow:
            yield f"{commit[:SHORT]} is not in this shallow clone: git fetch --unshallow"
        return
    good = shlex.quote(commit[:SHORT])
    commits = history.commits_since(commit) or 0
    if history.tree.dirty:  # of which `git log` would say nothing
        yield f"what changed: git diff --stat {good} -- {_CODE}"
    elif commits:
        yield f"what changed: git log --oneline {good}..HEAD -- {_CODE}"
        if lost and commits > 1:
            yield f"which commit: {plan.bisect_command(commit[:SHORT])}"
    against = plan.against or ""
    compared = "env:" not in against and "own-tests:" not in against
    # Both sides of `explain` run the same test files: it would not see what has changed in them.
    if compared and not history.only_tests_changed(commit):
        yield f"first difference: {plan.explain_command}"
