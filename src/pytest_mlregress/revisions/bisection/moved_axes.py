"""Which axes moved between the ends of a history, and by which files."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from pytest_mlregress.revisions.bisection.axis_rules import AXES, Axis, AxisRules
from pytest_mlregress.revisions.bisection.blob_text import blob_text
from pytest_mlregress.revisions.bisection.tree_changes import TreeChanges
from pytest_mlregress.revisions.command_error import CommandError
from pytest_mlregress.revisions.repository import Repository

__all__ = ["MovedAxis", "data_version_at", "find_moved_axes"]


@dataclass(frozen=True, slots=True)
class MovedAxis:
    """An axis that is otherwise at both ends.

    Attributes:
        axis: which one.
        paths: the files that differ, sorted; for data, also those that name its version.
        versions: the versions of the data that are named at the good and the bad end; None where
            no text names one.
    """

    axis: Axis
    paths: tuple[str, ...]
    versions: tuple[str, str] | None = None

    @property
    def only_pointers(self) -> bool:
        """Whether its files only say which data to fetch: the data themselves did not move here."""
        return (
            self.axis == "data"
            and self.versions is None
            and all(path.endswith(_POINTERS) for path in self.paths)
        )


_POINTERS: Final = (".dvc", "dvc.lock")


def find_moved_axes(
    repository: Repository, trees: TreeChanges, good: str, bad: str, rules: AxisRules
) -> tuple[MovedAxis, ...]:
    """The axes along which two commits differ.

    Args:
        repository: the repository.
        trees: the files of both commits.
        good: the full name of one.
        bad: that of the other.
        rules: which file belongs to which axis.

    Returns:
        The axes, in the order of `AXES`.

    Raises:
        CommandError: an end names several versions of the data.
    """
    paths: dict[Axis, list[str]] = {axis: [] for axis in AXES}
    changed = sorted(change.path for change in trees.between(good, bad))
    versions = _versions(repository, trees, (good, bad), changed, rules)
    for path in changed:
        axis = rules.axis_of(path)
        if versions is not None and _names_versions_alone(
            repository, (trees.blob(good, path), trees.blob(bad, path)), rules, path
        ):
            axis = "data"
        paths[axis].append(path)
    moved = []
    for axis in AXES:
        own = versions if axis == "data" else None
        if paths[axis] or own is not None:
            moved.append(MovedAxis(axis, tuple(paths[axis]), own))
    return tuple(moved)


def data_version_at(
    repository: Repository,
    trees: TreeChanges,
    commit: str,
    paths: Collection[str],
    rules: AxisRules,
) -> str | None:
    """The version of the data that files name.

    Args:
        repository: the repository.
        trees: the files of the commit.
        commit: its full name.
        paths: the files to look into.
        rules: with the template.

    Returns:
        The version; None where no file names one.

    Raises:
        CommandError: they name several.
    """
    template = rules.data
    if template is None:
        return None
    found: dict[str, str] = {}
    for path in paths:
        blob = trees.blob(commit, path)
        if blob is not None and rules.axis_of(path) in ("commits", "config"):
            for version in template.versions_in(blob_text(repository, blob)):
                found.setdefault(version, path)
    if len(found) > 1:
        (one, first), (other, second) = sorted(found.items())[:2]
        raise CommandError(
            f"--data {template.text}: {commit[:7]} names the versions {one} ({first}) and {other} "
            f"({second}); narrow the template to the data whose version moved"
        )
    return next(iter(found), None)


def _versions(
    repository: Repository,
    trees: TreeChanges,
    ends: tuple[str, str],
    changed: Collection[str],
    rules: AxisRules,
) -> tuple[str, str] | None:
    good, bad = (data_version_at(repository, trees, end, changed, rules) for end in ends)
    return None if good is None or bad is None or good == bad else (good, bad)


def _names_versions_alone(
    repository: Repository, blobs: tuple[str | None, str | None], rules: AxisRules, path: str
) -> bool:
    """Whether a file differs in nothing but the version of the data that it names."""
    if rules.data is None or rules.axis_of(path) not in ("commits", "config") or None in blobs:
        return False
    texts = {rules.data.with_version(blob_text(repository, blob), "") for blob in blobs if blob}
    return len(texts) == 1
