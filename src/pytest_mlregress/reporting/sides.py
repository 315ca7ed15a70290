"""What an A/B run compared: both sides' code and environments, and what did not have to train."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from pytest_mlregress.plurals import count_of
from pytest_mlregress.reporting.environment_table import EnvironmentRow

_SHORT: Final = 10
"""Characters of a commit, as `git log --oneline` shows them in larger repositories."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sides:
    """Both sides of an A/B run.

    Attributes:
        against: the value of `--mlregress-against`.
        base_commit: the base's commit; None outside git.
        merge_base_of: the ref whose merge base that is; None where it is the ref's own commit.
        candidate_commit: the commit that is checked out; None outside git.
        uncommitted: the files of the candidate that are in no commit.
        diff_hash: the digest of their changes; None for a clean tree.
        same_code: whether both sides are the same files in two environments.
        changed: the files that differ between the sides, relative to the repository.
        read: by test, those of them that its seeds import or open; tests without an answer are
            left out.
        reused: by side, the seeds that came from the cache.
        environment: how the environments differ; None where both sides have the same.
        suite: whether the environments agree, over all tests; None where the code differs, too.
        notes: what else to know about the base.
    """

    against: str
    base_commit: str | None
    candidate_commit: str | None
    merge_base_of: str | None = None
    uncommitted: tuple[str, ...] = ()
    diff_hash: str | None = None
    same_code: bool = False
    changed: tuple[str, ...] = ()
    read: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    reused: Mapping[str, int] = field(default_factory=dict)
    environment: tuple[EnvironmentRow, ...] | None = None
    suite: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def sentences(self) -> tuple[str, ...]:
        """What every report says of the sides, a sentence each."""
        texts = [f"A/B: {self._candidate} against {self._base}"]
        if self.suite is not None:
            texts.append(self.suite)
        if self.changed:
            texts.append(self._changes)
        if any(self.reused.values()):
            counts = [
                f"{count_of(count, 'seed')} of {side}"
                for side, count in self.reused.items()
                if count
            ]
            texts.append(f"from the cache, not trained again: {', '.join(counts)}")
        return (*texts, *self.notes)

    @property
    def _candidate(self) -> str:
        place = f"this tree at {_short(self.candidate_commit)}" if self.candidate_commit else "this"
        if not self.uncommitted:
            return place
        files = count_of(len(self.uncommitted), "file")
        return f"{place}, {files} uncommitted (diff {self.diff_hash})"

    @property
    def _base(self) -> str:
        if self.same_code:
            return f"the same files under {self.against}"
        commit = _short(self.base_commit) if self.base_commit else ""
        if self.merge_base_of is not None:
            return f"{self.against}, merge base {commit}"
        return f"{self.against} at {commit}"

    @property
    def _changes(self) -> str:
        differ = f"{count_of(len(self.changed), 'file')} changed between them"
        if not self.read:
            return differ
        untouched = sum(not files for files in self.read.values())
        if untouched == len(self.read):
            return f"{differ}; no test's seeds read any of them"
        most = max(len(files) for files in self.read.values())
        text = f"{differ}; a test's seeds read {most} of them at most"
        return f"{text}, those of {count_of(untouched, 'test')} none" if untouched else text


def _short(commit: str | None) -> str:
    return (commit or "")[:_SHORT]
