"""What git said of a commit when a run asked, where another process needs the same answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pytest_mlregress.baselines.provenance import WorkingTree
from pytest_mlregress.revisions.history import History


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitFacts:
    """What git knew of one commit.

    Attributes:
        commit: the commit.
        same_code: whether the working tree held its code.
        commits: how many commits were in HEAD and not in it; None where git could not tell.
        date: of the commit; empty where git could not tell.
        only_tests: whether the working tree differed from it in test files alone.
    """

    commit: str
    same_code: bool = False
    commits: int | None = None
    date: str = ""
    only_tests: bool = False


def facts_of(history: History, commit: str | None) -> CommitFacts | None:
    """What git knows of a commit.

    Args:
        history: the commits that git knows.
        commit: the commit.

    Returns:
        The facts; None where git does not know it.
    """
    if commit is None or not history.knows(commit):
        return None
    return CommitFacts(
        commit=commit,
        same_code=history.same_code(commit),
        commits=history.commits_since(commit),
        date=history.date_of(commit),
        only_tests=history.only_tests_changed(commit),
    )


class RecordedHistory(History):
    """Answers as git did in the run that a report tells of, wherever it is read.

    Args:
        tree: the working tree of that run.
        facts: of the commits that it compared with.
        shallow: whether git knew no more commits since the clone was shallow.
    """

    def __init__(
        self, tree: WorkingTree, facts: Mapping[str, CommitFacts], *, shallow: bool = False
    ) -> None:
        super().__init__(Path())
        self.tree = tree
        self.shallow = shallow
        self._facts = facts

    def knows(self, commit: str | None) -> bool:
        """True where git knew the commit.

        Args:
            commit: the commit.

        Returns:
            Whether it did.
        """
        return commit in self._facts

    def same_code(self, commit: str | None) -> bool:
        """True where the working tree held the code of that commit.

        Args:
            commit: the commit.

        Returns:
            Whether it did.
        """
        return commit is not None and commit in self._facts and self._facts[commit].same_code

    def only_tests_changed(self, commit: str | None) -> bool:
        """True where the working tree differed from that commit in test files alone.

        Args:
            commit: the commit.

        Returns:
            Whether it did.
        """
        return commit is not None and commit in self._facts and self._facts[commit].only_tests

    def commits_since(self, commit: str) -> int | None:
        """The commits that were in HEAD and not in a commit.

        Args:
            commit: the commit.

        Returns:
            Their number; None where git could not tell.
        """
        return self._facts[commit].commits if commit in self._facts else None

    def date_of(self, commit: str) -> str:
        """The date of a commit.

        Args:
            commit: the commit.

        Returns:
            The date; empty where git could not tell.
        """
        return self._facts[commit].date if commit in self._facts else ""
