"""States of the code that seeds are trained at: the working tree, and commits in worktrees."""

from __future__ import annotations

import hashlib
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final

from pytest_mlregress.baselines.git_command import GitError
from pytest_mlregress.revisions.against import Against
from pytest_mlregress.revisions.base_commit import ABBREVIATED
from pytest_mlregress.revisions.base_side import BaseSide
from pytest_mlregress.revisions.candidate_files import CandidateFiles, list_candidate
from pytest_mlregress.revisions.cells.suite import Suite
from pytest_mlregress.revisions.dependencies import changed_dependencies
from pytest_mlregress.revisions.extension_sources import changed_extension_sources
from pytest_mlregress.revisions.first_party import plugin_problem, watch_candidate
from pytest_mlregress.revisions.repository import Repository, ask_git, find_repository
from pytest_mlregress.revisions.worktree import (
    BaseCheckout,
    WorktreeError,
    changed_files,
    prepare_checkout,
)
from pytest_mlregress.running.reads import file_digest, is_derived

_SHOWN: Final = 3
_DIGITS: Final = 16


@dataclass(frozen=True, slots=True)
class Cell:
    """One state of the code that seeds are trained at.

    Attributes:
        name: a few characters, for tables: ``BASE``, ``A+B``, ``9b1d3aa``.
        label: the state in a few words: ``9b1d3aa (Use AdamW)``.
        side: where it lies, and which interpreter runs it.
        identity: a hash of what lies there: the commit, and the working tree's changes.
        commit: the commit; None for the working tree.
        changed: its files that differ from the working tree; none of them where it is that.
        laid_over: the test files among them, which are the working tree's in it, too.
        notes: what the user should know about the checkout, one sentence each.
        unmet: what it declares to need and is run without, one sentence each.
    """

    name: str
    label: str
    side: BaseSide
    identity: str
    commit: str | None
    changed: tuple[str, ...] = ()
    laid_over: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    unmet: tuple[str, ...] = ()


class Cells:
    """Makes the states of one repository, and puts them away.

    A context manager: what it has made is gone afterwards. The working tree's files, and the
    repository's ``HEAD``, index and refs are not touched.

    Args:
        suite: the working tree's tests, which are laid over every commit.
        any_dependencies: whether commits that declare other dependencies are made too, with a note
            on them, and not refused.
        python: another interpreter that runs the code; None for this one.
    """

    def __init__(
        self, suite: Suite, *, any_dependencies: bool = False, python: str | None = None
    ) -> None:
        self._suite = suite
        self._python = python
        self._any_dependencies = any_dependencies
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        self._place = suite.worktrees
        self._checkouts: dict[str, BaseCheckout] = {}
        self._repository: Repository | None = None
        self._overlay: str | None = None

    def __enter__(self) -> Cells:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def repository(self) -> Repository:
        """The repository around pytest's rootdir.

        Raises:
            WorktreeError: there is none, or git refuses to read it.
        """
        if self._repository is None:
            self._repository = find_repository(self._suite.rootdir)
        return self._repository

    def working_tree(self, *, name: str = "working tree") -> Cell:
        """The working tree as it is, in git or not.

        Args:
            name: a few characters, for tables.

        Returns:
            The state.
        """
        rootdir = self._suite.rootdir
        try:
            repository = self.repository
        except WorktreeError:
            top, commit = rootdir, None
        else:
            top, commit = repository.top, repository.head
        side = BaseSide(
            label="the working tree",
            checkout=top,
            rootdir=rootdir,
            candidate_checkout=top,
            candidate_rootdir=rootdir,
            commit=commit,
            python=sys.executable,
        )
        return Cell(name, "the working tree", side, self._of_tree(), None)

    def at(self, commit: str, *, name: str | None = None, label: str | None = None) -> Cell:
        """A commit in a worktree, with the working tree's tests laid over.

        Args:
            commit: its name, or a ref.
            name: a few characters, for tables; None for its first digits.
            label: the state in a few words; None for its digits and subject.

        Returns:
            The state.

        Raises:
            WorktreeError: there is no such commit, it cannot be checked out, or it needs another
                environment than this one.
        """
        against = Against(ref=commit, tip=True, own_tests=False, python=None, text=commit)
        checkout = prepare_checkout(
            self._suite.rootdir,
            against,
            place=self._folder(),
            test_patterns=self._suite.test_patterns,
            test_folders=self._suite.test_folders,
        )
        try:
            differing = self._refuse(checkout)
        except BaseException:
            checkout.release(keep=False)
            raise
        self._checkouts[str(checkout.top)] = checkout
        short = checkout.commit[:ABBREVIATED]
        shown = label or f"{short} ({self._subject(checkout.commit)})"
        changed = changed_files(checkout)
        side = BaseSide(
            label=shown,
            checkout=checkout.top,
            rootdir=checkout.rootdir,
            candidate_checkout=checkout.candidate_top,
            candidate_rootdir=self._suite.rootdir,
            commit=checkout.commit,
            python=self._python or sys.executable,
            other_environment=self._python is not None,
            changed=changed,
        )
        identity = f"{checkout.commit}+{self._of_tree()}"
        if self._python is not None:
            identity = f"{identity}+{self._python}"
        return Cell(
            name or short,
            shown,
            side,
            identity,
            checkout.commit,
            changed,
            laid_over=checkout.laid_over,
            notes=checkout.notes,
            unmet=differing,
        )

    def release(self, cell: Cell) -> None:
        """Remove the worktree of a state; nothing for the working tree.

        Args:
            cell: the state; no process may run it any more.
        """
        checkout = self._checkouts.pop(str(cell.side.checkout), None)
        if checkout is not None:
            checkout.release(keep=False)

    def close(self) -> None:
        """Remove all worktrees."""
        for checkout in self._checkouts.values():
            checkout.release(keep=False)
        self._checkouts.clear()
        if self._temporary is not None:
            self._temporary.cleanup()
            self._temporary = None

    def _folder(self) -> Path:
        if self._place is not None:
            return self._place
        if self._temporary is None:
            self._temporary = tempfile.TemporaryDirectory(prefix="mlregress-worktrees-")
        return Path(self._temporary.name)

    def _subject(self, commit: str) -> str:
        return ask_git(self.repository.top, "log", "-1", "--format=%s", commit).strip()

    def _refuse(self, checkout: BaseCheckout) -> tuple[str, ...]:
        """Refuse a commit that this environment, or this process, would not run the code of.

        Returns:
            What it declares to need and is run without, one sentence each.
        """
        sides = {"candidate": checkout.candidate_top, "base": checkout.top}
        short = checkout.commit[:ABBREVIATED]
        sources = changed_extension_sources(checkout.files, **sides)
        if sources:
            raise WorktreeError(
                f"{short} has other sources of compiled extensions than the working tree "
                f"({_some(sources)}), which are not built here"
            )
        root = checkout.rootdir.relative_to(checkout.top).as_posix()
        declared = changed_dependencies(checkout.files, "" if root == "." else root, **sides)
        differing = (
            f"{short} declares other dependencies than the working tree ({_some(declared)}), and "
            "this environment is the working tree's"
        )
        if declared and not self._any_dependencies:
            raise WorktreeError(differing)
        problem = plugin_problem(checkout.candidate_top, checkout.top)
        if problem is None:
            first_party = watch_candidate(
                checkout.candidate_top, self._suite.rootdir, checkout.top, "this tree"
            )
            problem = first_party.install_problem()
            first_party.stop()
        if problem is not None:
            raise WorktreeError(problem)
        return (differing,) if declared else ()

    def _of_tree(self) -> str:
        """A hash of the commit that is checked out and of all uncommitted changes."""
        if self._overlay is None:
            try:
                top, head = self.repository.top, self.repository.head
                files = list_candidate(top, head) if head is not None else None
            except (WorktreeError, GitError):
                return "outside git"
            self._overlay = _digest(top, head, files)
        return self._overlay


def _digest(top: Path, head: str | None, files: CandidateFiles | None) -> str:
    digest = hashlib.sha256(str(head).encode())
    for path in sorted(files.changed) if files is not None else ():
        if is_derived(path):  # an interrupted run has left bytecode, which nothing may ignore
            continue
        digest.update(f"{path}\0{file_digest(top / path)}\0".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()[:_DIGITS]


def _some(names: Iterable[str]) -> str:
    listed = tuple(names)
    more = f" and {len(listed) - _SHOWN} more" if len(listed) > _SHOWN else ""
    return ", ".join(listed[:_SHOWN]) + more
