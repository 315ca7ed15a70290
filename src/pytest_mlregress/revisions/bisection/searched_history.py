"""A history with all that a search needs to know of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pytest_mlregress.revisions.bisection.history import History
from pytest_mlregress.revisions.bisection.tree_changes import FileChange, TreeChanges

__all__ = ["SearchedHistory"]


@dataclass(frozen=True, slots=True)
class SearchedHistory:
    """A history and its files.

    Attributes:
        history: states and candidates.
        trees: the files of the states.
        changes: what each candidate changed.
        labels: states in a few words, by their commits.
    """

    history: History
    trees: TreeChanges
    changes: tuple[frozenset[FileChange], ...]
    labels: Mapping[str, str] = field(default_factory=dict)
