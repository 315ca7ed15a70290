"""What a user does next: commands that work where the user is."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from pytest_mlregress.baselines.git_command import GitError
from pytest_mlregress.revisions.bisection.report import BisectionReport, CandidateRow
from pytest_mlregress.revisions.repository import Repository, ask_git

__all__ = ["Invocation", "NextCommand", "next_commands"]

_MORE: Final = 2
"""By how much a search is lengthened that could not tell."""


@dataclass(frozen=True, slots=True)
class NextCommand:
    """A command and what it is for.

    Attributes:
        command: for a shell.
        purpose: a few words.
    """

    command: str
    purpose: str


@dataclass(frozen=True, slots=True)
class Invocation:
    """How the search was called.

    Attributes:
        good: the good end as given.
        bad: the bad end as given.
        test: the test as given.
        options: the other options but ``--max-trainings`` and ``--fresh``, as given.
        pytest_args: what follows the two dashes.
        budget: the most trainings.
    """

    good: str
    bad: str
    test: str
    options: tuple[str, ...]
    pytest_args: tuple[str, ...]
    budget: int

    def again(self, *extra: str) -> str:
        """The same search with further options.

        Args:
            *extra: the options.

        Returns:
            The command.
        """
        return self._command(self.good, self.bad, *self.options, *extra)

    def between(self, good: str, bad: str) -> str:
        """The same search between other ends.

        Args:
            good: the good end.
            bad: the bad end.

        Returns:
            The command.
        """
        return self._command(good, bad, *self.options)

    def _command(self, good: str, bad: str, *options: str) -> str:
        args = ("--", *self.pytest_args) if self.pytest_args else ()
        return shlex.join(["mlregress", "bisect", good, bad, "--test", self.test, *options, *args])


def next_commands(
    report: BisectionReport, invocation: Invocation, repository: Repository
) -> tuple[NextCommand, ...]:
    """The commands that follow from an answer.

    Args:
        report: the report.
        invocation: how the search was called.
        repository: the repository.

    Returns:
        The commands, the first one first.
    """
    if report.finding == "unclear":
        if not report.budget_spent:
            return ()  # more trainings would tell no more
        more = f"--max-trainings={_MORE * max(invocation.budget, report.trainings)}"
        return (
            NextCommand(invocation.again(more), "goes on; what is trained is not trained again"),
        )
    named = [report.rows[place] for place in report.named]
    if report.finding == "environment":
        return tuple(
            NextCommand(f"git show {row.commit.short}", "what it changed") for row in named
        )
    found = list(_after_loss(named, report.test, invocation, repository))
    found += _into_forked(named, report.good.name, invocation, repository)
    if report.others and len(named) == 1:
        found.append(_together(report))
    return tuple(found)


def _after_loss(
    rows: Sequence[CandidateRow], test: str, invocation: Invocation, repository: Repository
) -> Iterator[NextCommand]:
    for row in rows:
        commit = row.commit
        yield _show(row)
        if len(commit.parents) > 1 and row.brought:
            yield from _into_merge(row, invocation, repository)
        if len(rows) == 1 and _is_in_head(repository, commit.name):
            against = f"--against={commit.short}^"
            yield NextCommand(
                shlex.join(["mlregress", "explain", test, against]),
                "where a training of the working tree first differs from the one before it",
            )


def _together(report: BisectionReport) -> NextCommand:
    """Train several commits that lost alone and together."""
    changes = [report.rows[place].commit.short for place in (*report.named, *report.others)]
    words = ["mlregress", "ablate", report.good.short, "--test", report.test]
    return NextCommand(
        shlex.join([*words, *(f"--change={name}" for name in changes)]),
        "what these commits do alone and together",
    )


def _show(row: CandidateRow) -> NextCommand:
    return NextCommand(f"git show {row.commit.short}", "what it changed")


def _into_merge(
    row: CandidateRow, invocation: Invocation, repository: Repository
) -> Iterator[NextCommand]:
    """Search the branch that a merge brought, from where it forked off."""
    ours, theirs = row.commit.parents[:2]
    fork = _fork(repository, ours, theirs)
    if fork is not None:
        yield NextCommand(
            invocation.between(fork[:12], theirs[:12]), "which commit of the merged branch it is"
        )


def _into_forked(
    rows: Sequence[CandidateRow], good: str, invocation: Invocation, repository: Repository
) -> Iterator[NextCommand]:
    """Search branches that forked off before the good end, each from there to its tip."""
    forked = [row.commit for row in rows if not row.has_state]
    inner = {parent for commit in forked for parent in commit.parents}
    for tip in forked:
        fork = None if tip.name in inner else _fork(repository, good, tip.name)
        if fork is not None:
            yield NextCommand(
                invocation.between(fork[:12], tip.name[:12]),
                f"which commit of the branch that forked off before {good[:7]} it is",
            )


def _fork(repository: Repository, ours: str, theirs: str) -> str | None:
    """Where two branches parted; None for histories without a common start."""
    try:
        return ask_git(repository.top, "merge-base", ours, theirs).strip()
    except GitError:
        return None


def _is_in_head(repository: Repository, commit: str) -> bool:
    try:
        ask_git(repository.top, "merge-base", "--is-ancestor", commit, "HEAD")
    except GitError:
        return False
    return True
