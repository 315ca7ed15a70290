"""What git can say about the code of earlier commits, asked when a text needs it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path

from pytest_mlregress.baselines.git_command import GitError, git
from pytest_mlregress.baselines.provenance import (
    CODE_PATHS,
    WorkingTree,
    unchanged_since,
    working_tree,
)
from pytest_mlregress.revisions.command_error import CommandError


class History:
    """The commits that the repository around a folder knows; outside git there are none.

    Args:
        rootdir: the folder.
        own: files that a run writes, and folders of such: untracked ones are no change.
        test_patterns: pytest's ``python_files``.
        test_folders: pytest's ``testpaths``.
    """

    def __init__(
        self,
        rootdir: Path,
        *,
        own: Iterable[Path] = (),
        test_patterns: Sequence[str] = (),
        test_folders: Sequence[str] = (),
    ) -> None:
        self._rootdir = rootdir
        self._own = tuple(own)
        self._test_patterns = tuple(test_patterns)
        self._test_folders = tuple(test_folders)
        self._only_tests: dict[str, bool] = {}
        self._knows: dict[str, bool] = {}
        self._unchanged: dict[str, bool] = {}
        self._commits: dict[str, int] = {}
        self._dates: dict[str, str] = {}

    @cached_property
    def tree(self) -> WorkingTree:
        """The state of the code when it was first asked for."""
        return working_tree(self._rootdir, own=self._own)

    @cached_property
    def shallow(self) -> bool:
        """True in a clone without the early commits, as CI makes it by default."""
        try:
            answer = git(self._rootdir, "rev-parse", "--is-shallow-repository")
        except GitError:
            return False
        return answer.strip() == b"true"

    def knows(self, commit: str | None) -> bool:
        """True where ``git log <commit>..HEAD`` works.

        Not outside git, nor in a shallow clone that has cut the commit off.
        """
        if commit is None or self.tree.commit is None:
            return False
        if commit not in self._knows:
            try:
                git(self._rootdir, "cat-file", "-e", f"{commit}^{{commit}}")
                self._knows[commit] = True
            except GitError:
                self._knows[commit] = False
        return self._knows[commit]

    def same_code(self, commit: str | None) -> bool:
        """True where the working tree holds the code of that commit, whatever the baselines say.

        False where git cannot tell.
        """
        if commit is None or not self.knows(commit) or self.tree.dirty:
            return False
        if commit not in self._unchanged:
            self._unchanged[commit] = unchanged_since(self._rootdir, commit)
        return self._unchanged[commit]

    def only_tests_changed(self, commit: str | None) -> bool:
        """True where the working tree differs from that commit in test files alone.

        False where nothing differs, and where git cannot tell.

        Args:
            commit: the commit.
        """
        if commit is None or not self.knows(commit) or self.same_code(commit):
            return False
        if commit not in self._only_tests:
            from pytest_mlregress.revisions.tests_of_checkout import only_tests_changed

            try:
                self._only_tests[commit] = only_tests_changed(
                    self._rootdir,
                    commit,
                    patterns=self._test_patterns,
                    folders=self._test_folders,
                    uncommitted=self.tree.changed,
                )
            except (CommandError, GitError):
                self._only_tests[commit] = False
        return self._only_tests[commit]

    def commits_since(self, commit: str) -> int | None:
        """The commits that are in HEAD and not in a commit, without those of baselines alone.

        Args:
            commit: the commit.

        Returns:
            Their number; None where git does not know the commit.
        """
        if not self.knows(commit):
            return None
        if commit not in self._commits:
            try:
                between = f"{commit}..HEAD"
                count = git(self._rootdir, "rev-list", "--count", between, "--", *CODE_PATHS)
            except GitError:
                return None
            self._commits[commit] = int(count)
        return self._commits[commit]

    def date_of(self, commit: str) -> str:
        """The date of a commit, as ``2026-03-12``.

        Args:
            commit: the commit.

        Returns:
            The date; empty where git does not know the commit.
        """
        if not self.knows(commit):
            return ""
        if commit not in self._dates:
            try:
                date = git(self._rootdir, "show", "--no-patch", "--format=%cs", commit)
            except GitError:
                return ""
            self._dates[commit] = date.decode().strip()
        return self._dates[commit]
