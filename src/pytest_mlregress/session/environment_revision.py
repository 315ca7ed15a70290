"""An update that moves the baselines of a suite to another environment, as one revision."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from pytest_mlregress.baselines.artifact import Artifact, Environment
from pytest_mlregress.baselines.environment import environment_differences, same_environment
from pytest_mlregress.baselines.provenance import WorkingTree, holds_changes, utc_now
from pytest_mlregress.plurals import count_of
from pytest_mlregress.reporting.environment_table import differences_in_words
from pytest_mlregress.verdicts.group import SeedGroup
from pytest_mlregress.verdicts.verdict import Verdict, VerdictKind

if TYPE_CHECKING:
    from pytest_mlregress.revisions.environment_evidence import ComparedTest, EnvironmentEvidence
    from pytest_mlregress.verdicts.accepted_change import EnvironmentChange

_CACHE_FOLDER: Final = "mlregress"
_SHOWN: Final = (
    VerdictKind.IDENTICAL,
    VerdictKind.PASS,
    VerdictKind.IMPROVEMENT,
    VerdictKind.MINOR,
)
"""Verdicts after which the measured effect is that of the environment: others leave it open."""


def evidence_folder(config: pytest.Config) -> Path | None:
    """Where evidence is kept, in pytest's cache folder.

    Args:
        config: pytest's.

    Returns:
        The folder; None where the cache is off or cannot be written.
    """
    cache: pytest.Cache | None = getattr(config, "cache", None)
    if cache is None:
        return None
    try:
        return cache.mkdir(_CACHE_FOLDER)
    except OSError:
        return None


@dataclass(slots=True)
class _Seen:
    """What the tests of an update came with.

    Attributes:
        moved: the tests whose update is one of the environment.
        replaced: the tests that had a baseline.
        others: per baseline of another environment, that environment and the present one.
    """

    moved: set[str] = field(default_factory=set)
    replaced: set[str] = field(default_factory=set)
    others: dict[str, tuple[Environment, Environment]] = field(default_factory=dict)


class EnvironmentRevision:
    """Finds for each test of an update whether the evidence of a comparison applies to it.

    Args:
        config: pytest's.
        tree: the state of the code that is recorded; None where nothing is.
        own: files that the run writes, as `working_tree` takes them.
    """

    def __init__(
        self, config: pytest.Config, tree: WorkingTree | None, own: Iterable[Path] = ()
    ) -> None:
        self._config = config
        self._tree = tree
        self._own = tuple(own)
        self._seen = _Seen()
        self._time = utc_now()

    def change_for(self, group: SeedGroup, baseline: Artifact | None) -> EnvironmentChange | None:
        """The change of environment that the update of a test is.

        Args:
            group: its seeds.
            baseline: the baseline that is replaced.

        Returns:
            The change; None if the environment is that of the baseline, or no evidence applies.
        """
        if baseline is None or baseline.edited or group.environment is None:
            return None
        test, before = group.plan.test, baseline.provenance.environment
        self._seen.replaced.add(test)
        if same_environment(before, group.environment):
            return None
        self._seen.others[test] = (before, group.environment)
        evidence = self._evidence
        compared = evidence.of(test, group.plan.tier) if evidence is not None else None
        if evidence is None or compared is None:
            return None
        if not _applies(compared, before, group.environment):
            return None
        from pytest_mlregress.verdicts.accepted_change import EnvironmentChange

        self._seen.moved.add(test)
        return EnvironmentChange(
            time=self._time,
            reason=_reason(evidence),
            evidence=evidence.for_ledger(compared),
            effects=_shown_effects(compared),
        )

    def notes(self, judged: Mapping[str, Verdict]) -> Iterator[str]:
        """What the terminal says of it once for the suite.

        Args:
            judged: the verdicts by test.

        Yields:
            At most one line.
        """
        moved = [judged[test] for test in self._seen.moved if test in judged]
        recorded = sum(verdict.kind is VerdictKind.RECORDED for verdict in moved)
        if recorded and self._evidence is not None:
            rest = len(moved) - recorded
            yield (
                f"{count_of(recorded, 'baseline')} re-recorded as one revision of kind "
                f"environment: {differences_in_words(self._evidence.differences)}; "
                f"{self._evidence.summary}{f'; {rest} refused' if rest else ''}"
            )
        elif not moved and (hint := self._hint()) is not None:
            yield hint

    def _hint(self) -> str | None:
        """How the change could have been one revision, if all baselines moved alike."""
        pairs = list(self._seen.others.values())
        if not pairs or len(pairs) < len(self._seen.replaced):
            return None
        before, now = pairs[0]
        if not all(same_environment(b, before) and same_environment(n, now) for b, n in pairs):
            return None
        changes = differences_in_words(environment_differences(before, now))
        return (
            f"all {count_of(len(pairs), 'replaced baseline')} came from one other environment "
            f"({changes}): for one revision with evidence, restore them, compare with that "
            "environment's interpreter, and update again: "
            "pytest -m mlregress --mlregress-against=env:PYTHON"
        )

    @cached_property
    def _evidence(self) -> EnvironmentEvidence | None:
        """The evidence that is kept, if it is of this code."""
        from pytest_mlregress.revisions.environment_evidence import read_evidence

        folder = evidence_folder(self._config)
        evidence = read_evidence(folder) if folder is not None else None
        tree = self._tree
        if evidence is None or tree is None or tree.unknown is not None or tree.commit is None:
            return None
        same_tree = (tree.commit, tree.diff_hash) == (evidence.commit, evidence.diff_hash)
        if same_tree or holds_changes(
            self._config.rootpath, evidence.commit, evidence.diff_hash, own=self._own
        ):
            return evidence
        return None


def _applies(compared: ComparedTest, before: Environment, now: Environment) -> bool:
    return same_environment(compared.base, before) and same_environment(compared.candidate, now)


def _shown_effects(compared: ComparedTest) -> dict[str, float]:
    if compared.verdict not in _SHOWN:
        return {}
    return {name: change for name, (change, _, _) in compared.effects.items()}


def _reason(evidence: EnvironmentEvidence) -> str:
    return (
        f"environment: {differences_in_words(evidence.differences)}; A/B of "
        f"{count_of(len(evidence.tests), 'test')} at {evidence.commit[:7]}: {evidence.summary}"
    )
