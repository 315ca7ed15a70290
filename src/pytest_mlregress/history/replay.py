"""Past verdicts, reached again under other rules by the code that reaches new ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, cast

from pytest_mlregress.baselines.artifact import Artifact, Provenance
from pytest_mlregress.history.kept_artifacts import kept_artifact
from pytest_mlregress.history.records import RunRecord, SeedRecord, TestRecord
from pytest_mlregress.margins import MarginLike
from pytest_mlregress.node_ids import split_file
from pytest_mlregress.running.result import RecordedMetric, SeedResult
from pytest_mlregress.running.seed_outcome import RAN, SeedOutcome
from pytest_mlregress.settings import Settings
from pytest_mlregress.verdicts.group import GroupPlan, SeedGroup
from pytest_mlregress.verdicts.judge import judge
from pytest_mlregress.verdicts.live_pairs import judge_live_pairs
from pytest_mlregress.verdicts.policy import Rules, rules_for
from pytest_mlregress.verdicts.verdict import Verdict, VerdictKind

__all__ = ["OtherRules", "Replayed", "replay"]

_BY_VALUES: Final = frozenset(
    {
        VerdictKind.IDENTICAL,
        VerdictKind.PASS,
        VerdictKind.IMPROVEMENT,
        VerdictKind.MINOR,
        VerdictKind.REGRESSION,
        VerdictKind.INCONCLUSIVE,
        VerdictKind.UNAFFORDABLE,
        VerdictKind.DIVERGED,
    }
)
"""The verdicts that values decide; no rule changes the others."""


_JUDGING: Final = ("stop", "strict", "missing", "env_mismatch", "dispersion", "curves")


@dataclass(frozen=True, slots=True, kw_only=True)
class OtherRules:
    """What is to be different.

    Attributes:
        alpha: the chance of any false red in a run; None for each run's own.
        margins: the margin by metric, ``""`` for every other metric.
        seeds: the largest number of seeds of a check; None for each test's own.
    """

    alpha: float | None = None
    margins: Mapping[str, MarginLike] | None = None
    seeds: int | None = None

    def margin(self, metric: str, declared: MarginLike) -> MarginLike:
        """The margin of a metric.

        Args:
            metric: its name.
            declared: as the test wrote it.

        Returns:
            The margin to judge with.
        """
        margins = self.margins or {}
        return margins.get(metric, margins.get("", declared))

    @property
    def as_recorded(self) -> bool:
        """True where nothing is different."""
        return self.alpha is None and self.seeds is None and not self.margins


AS_RECORDED: Final = OtherRules()


@dataclass(frozen=True, slots=True)
class Replayed:
    """One past verdict, and what it would be.

    Attributes:
        run: the run.
        test: the test as it was judged.
        verdict: what it would be; None where it takes more seeds than were trained.
        reproduced: whether its own rules lead to the recorded verdict today; where they do not,
            another version judged it, or evidence that the history does not hold.
    """

    run: RunRecord
    test: TestRecord
    verdict: Verdict | None
    reproduced: bool

    @property
    def changes(self) -> bool:
        """Whether the verdict would be another one."""
        return self.verdict is not None and str(self.verdict.kind) != self.test.verdict


def replay(
    runs: Iterable[RunRecord], baseline: Callable[[str], Any], other: OtherRules
) -> Iterator[Replayed]:
    """Reach every past verdict again that values decided.

    The text of a verdict may differ from the recorded one, since git is not asked; its kind, its
    numbers and the seeds that it takes do not.

    Args:
        runs: the runs; those that recorded baselines are passed over.
        baseline: gives the document of a baseline by its revision, None where it is not there.
        other: what is to be different.

    Yields:
        Each verdict, in the order of the runs.
    """
    known: dict[str, Artifact | None] = {}

    def artifact_of(revision: str | None) -> Artifact | None:
        if revision is None:
            return None
        if revision not in known:
            document = baseline(revision)
            known[revision] = None if document is None else kept_artifact(document, revision)
        return known[revision]

    for run in runs:
        for test in run.tests:
            if run.kind == "update" or test.verdict not in _BY_VALUES:
                continue
            artifact = artifact_of(test.baseline_revision)
            if artifact is None and run.kind == "check":
                continue
            now = _judged(run, test, artifact, AS_RECORDED)
            reproduced = now is not None and str(now.kind) == test.verdict
            verdict = now if other.as_recorded else _judged(run, test, artifact, other)
            yield Replayed(run, test, verdict, reproduced)


def _judged(
    run: RunRecord, test: TestRecord, artifact: Artifact | None, other: OtherRules
) -> Verdict | None:
    rules = _rules(run, test, other)
    group = _group(test, test.seeds, other, base=False)
    if run.kind == "A/B":
        base = _group(test, test.base_seeds, other, base=True)
        provenance = Provenance(plugin=run.plugin, time=run.time, commit=run.base_commit)
        label = replace(rules, base_label=run.against)
        return judge_live_pairs(group, base, provenance, label)
    assert artifact is not None
    group.environment = dict(artifact.provenance.environment)
    if test.differences:  # of which the history has the words alone
        group.environment["differences"] = list(test.differences)
    return judge(group, artifact, replace(rules, green_runs=test.green_runs))


def _rules(run: RunRecord, test: TestRecord, other: OtherRules) -> Rules:
    options = {name: run.options[name] for name in _JUDGING if name in run.options}
    settings = Settings(alpha=run.alpha if other.alpha is None else other.alpha, **options)
    return rules_for(settings, test.settings, comparisons=test.comparisons)


def _group(
    test: TestRecord, seeds: Iterable[SeedRecord], other: OtherRules, *, base: bool
) -> SeedGroup:
    planned = _planned(test.planned, other.seeds)
    file, names = split_file(test.test)
    plan = GroupPlan(
        test=test.test,
        file=Path(file),
        location=(file, None, names),
        planned=planned,
        selected=planned,
        tier=test.tier,
        settings=test.settings,
        check_seeds=len(planned),
        takes_run=True,
    )
    results = {
        seed.seed: _result(test, seed, other, base=base)
        for seed in seeds
        if seed.outcome in RAN and seed.seed in planned
    }
    return SeedGroup(plan=plan, results=results)


def _planned(planned: tuple[int, ...], seeds: int | None) -> tuple[int, ...]:
    """The seeds of a check of that many: the first of those declared, and the next numbers."""
    if seeds is None:
        return planned
    further = (seed for seed in range(max(planned, default=-1) + 1, 2**31))
    return tuple(planned[at] if at < len(planned) else next(further) for at in range(seeds))


def _result(test: TestRecord, seed: SeedRecord, other: OtherRules, *, base: bool) -> SeedResult:
    metrics = tuple(
        RecordedMetric(
            name=metric.name,
            value=values[seed.seed],
            higher_is_better=metric.higher_is_better,
            margin=other.margin(metric.name, metric.declared),
            version=metric.version,
            resolution=metric.resolution,
        )
        for metric in test.metrics
        if seed.seed in (values := metric.base_values if base else metric.values)
    )
    return SeedResult(
        seed=seed.seed,
        outcome=cast("SeedOutcome", seed.outcome),
        metrics=metrics,
        data=test.data,
        duration=seed.duration,
        message=seed.message,
    )
