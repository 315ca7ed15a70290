"""A state of the code whose axes come from different commits, as a commit that no ref reaches."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from pytest_mlregress.baselines.git_command import GitError
from pytest_mlregress.revisions.ablation.loose_commit import loose_commit
from pytest_mlregress.revisions.ablation.temporary_index import temporary_index
from pytest_mlregress.revisions.bisection.axis_rules import Axis, AxisRules
from pytest_mlregress.revisions.bisection.blob_text import blob_text
from pytest_mlregress.revisions.bisection.moved_axes import data_version_at
from pytest_mlregress.revisions.bisection.tree_changes import TreeChanges
from pytest_mlregress.revisions.repository import Repository, run_git
from pytest_mlregress.revisions.worktree_error import WorktreeError

__all__ = ["CommitComposer"]

_AT_ONCE: Final = 200
"""Files in one call of git: command lines are of limited length."""

_FILE_AXES: Final[tuple[Axis, ...]] = ("env", "data", "config")


class CommitComposer:
    """Builds commits; neither the checkout nor a ref is touched.

    Args:
        repository: the repository.
        trees: the files of all commits that are combined.
        rules: which file belongs to which axis.
    """

    def __init__(self, repository: Repository, trees: TreeChanges, rules: AxisRules) -> None:
        self._repository = repository
        self._trees = trees
        self._rules = rules

    def compose(self, values: Mapping[Axis, str]) -> str:
        """A commit with each axis as it is in some commit.

        Args:
            values: the full name of a commit by axis, with ``commits`` among them; an axis that is
                missing is the one of the code.

        Returns:
            The full name of the commit; of the code's own where all axes are of it. Equal values
            give the same one, other values another one, even where the files are the same.

        Raises:
            WorktreeError: git failed.
        """
        code = values["commits"]
        others: dict[Axis, str] = {
            axis: commit for axis in _FILE_AXES if (commit := values.get(axis, code)) != code
        }
        replaced = {
            path: blob
            for path, blob in self._replaced(code, others).items()
            if blob != self._trees.blob(code, path)
        }
        if not others:
            return code
        try:
            tree = self._tree(code, replaced)
        except GitError as error:
            raise WorktreeError(f"git could not combine {code[:7]}: {error}") from None
        said = ", ".join(f"{axis} of {commit[:12]}" for axis, commit in others.items())
        return loose_commit(self._repository.top, tree, code, f"{code[:12]} with {said}")

    def _replaced(self, code: str, others: Mapping[Axis, str]) -> dict[str, str | None]:
        """Mode and blob of the files that come from elsewhere; None for one that is not there."""
        found: dict[str, str | None] = {}
        for path in self._trees.reference:
            source = others.get(self._rules.axis_of(path))
            if source is not None:
                found[path] = self._trees.blob(source, path)
        if others and self._rules.data is not None:
            found |= dict(self._renamed_data(code, others.get("data", code), found))
        return found

    def _renamed_data(
        self, code: str, source: str, replaced: Mapping[str, str | None]
    ) -> Iterator[tuple[str, str | None]]:
        """The files that name a version of the data, as they name the other one."""
        template, paths = self._rules.data, list(self._trees.reference)
        version = data_version_at(self._repository, self._trees, source, paths, self._rules)
        if template is None or version is None:
            return
        for path in paths:
            blob = replaced.get(path, self._trees.blob(code, path))
            if blob is None or self._rules.axis_of(path) not in ("commits", "config"):
                continue
            text = blob_text(self._repository, blob)
            renamed = template.with_version(text, version)
            if renamed != text:
                yield path, f"{blob.split(' ')[0]} {self._written(renamed)}"

    def _written(self, text: str) -> str:
        """The blob of a text, in git's store."""
        with tempfile.TemporaryDirectory(prefix="mlregress-blob-") as folder:
            file = Path(folder) / "blob"
            file.write_bytes(text.encode("utf-8", "surrogateescape"))
            return run_git(
                self._repository.top, "hash-object", "-w", "--no-filters", "--", str(file)
            ).strip()

    def _tree(self, code: str, replaced: Mapping[str, str | None]) -> str:
        with temporary_index(self._repository.top) as git:
            git("read-tree", code)
            if not replaced:
                return git("write-tree").strip()
            gone = [path for path, blob in replaced.items() if blob is None]
            for paths in _portions(gone):
                git("update-index", "--force-remove", "--", *paths)
            for paths in _portions([path for path, blob in replaced.items() if blob is not None]):
                git("update-index", "--add", *_cache_infos(paths, replaced))
            return git("write-tree").strip()


def _cache_infos(paths: Sequence[str], replaced: Mapping[str, str | None]) -> Iterator[str]:
    for path in paths:
        mode, blob = (replaced[path] or "").split(" ")
        yield from ("--cacheinfo", f"{mode},{blob},{path}")


def _portions(paths: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(paths), _AT_ONCE):
        yield paths[start : start + _AT_ONCE]
