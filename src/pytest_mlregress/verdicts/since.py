"""What lies between the code that a test is compared with and the code that it tests."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_mlregress.revisions.history import History


@dataclass(frozen=True, slots=True)
class Since:
    """What lies between the baseline, or the base of an A/B run, and this working tree.

    Attributes:
        commit: the commit of the baseline or the base.
        date: of that commit, as ``2026-03-12``; empty where git does not know it.
        commits: how many commits are in HEAD and not in that one, without those of baselines alone;
            None where git does not know it, as in a shallow clone.
        uncommitted: the files of the working tree whose changes are in no commit.
        recorded: when the baseline was recorded, as a date; empty for an A/B run.
    """

    commit: str
    date: str = ""
    commits: int | None = None
    uncommitted: tuple[str, ...] = ()
    recorded: str = ""


def since(history: History, commit: str | None, *, recorded: str = "") -> Since | None:
    """What git says of the time since a commit.

    Args:
        history: the commits that git knows.
        commit: that of the baseline or the base; None if unknown.
        recorded: when the baseline was recorded, in ISO 8601; empty for an A/B run.

    Returns:
        The answer; None outside git and without a commit.
    """
    if commit is None or history.tree.commit is None:
        return None
    return Since(
        commit=commit,
        date=history.date_of(commit),
        commits=history.commits_since(commit),
        uncommitted=history.tree.changed,
        recorded=recorded[:10],
    )
