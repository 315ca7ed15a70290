"""A run as the history keeps it: the numbers of its report, and what judging them again needs."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Final

from pytest_mlregress.baselines.artifact import Artifact
from pytest_mlregress.baselines.json_document import document_of
from pytest_mlregress.baselines.provenance import WorkingTree
from pytest_mlregress.baselines.urls import shareable
from pytest_mlregress.history.records import (
    MetricRecord,
    RunKind,
    RunRecord,
    SeedRecord,
    TestRecord,
)
from pytest_mlregress.reporting.metric_text import shown_interval
from pytest_mlregress.reporting.report import RunReport
from pytest_mlregress.reporting.sample_text import summarise
from pytest_mlregress.running.result import SeedResult
from pytest_mlregress.verdicts.metric_samples import declared, metric_names, values_of
from pytest_mlregress.verdicts.verdict import MetricVerdict, Verdict

if TYPE_CHECKING:
    from pytest_mlregress.revisions.history import History

__all__ = ["JUDGING_OPTIONS", "TestFacts", "code_is_of", "run_record"]

JUDGING_OPTIONS: Final = (
    *("stop", "strict", "missing", "env_mismatch", "dispersion", "confirm", "curves", "tier"),
    *("seeds", "baseline_seeds", "baseline", "unchanged", "guards", "threads"),
)
"""The settings of a run that a verdict, or what it is compared with, depends on."""

_LONGEST: Final = 500
"""Characters of a reason or message that are kept."""


@dataclass(frozen=True, slots=True)
class TestFacts:
    """What a report does not hold of a test, and judging it again needs.

    Attributes:
        settings: those that the test declares.
        comparisons: the number that alpha was divided by for it.
        green_runs: per metric the values of the earlier runs that entered the verdict.
    """

    __test__ = False

    settings: Mapping[str, Any] = field(default_factory=dict)
    comparisons: int = 1
    green_runs: Mapping[str, tuple[Mapping[int, float], ...]] = field(default_factory=dict)


def code_is_of(
    code: WorkingTree | None, history_for: Callable[[str], History | None]
) -> Callable[[str | None], bool | None]:
    """Whether the working tree's code is that of a commit, as `run_record` asks.

    Args:
        code: the working tree; None outside git.
        history_for: what git knows of a commit; None for nothing.

    Returns:
        The answer for a commit: None where git cannot tell.
    """

    def same_code(commit: str | None) -> bool | None:
        if commit is None or code is None or code.unknown is not None:
            return None
        if code.dirty:
            return False
        if commit == code.commit:
            return True
        history = history_for(commit)
        if history is None or not history.knows(commit):
            return None
        return history.same_code(commit)

    return same_code


def run_record(
    report: RunReport,
    *,
    environment: str,
    same_code: Callable[[str | None], bool | None],
    facts: Mapping[str, TestFacts],
    root: PurePath | None = None,
) -> RunRecord:
    """The record of a run.

    Args:
        report: the run.
        environment: the fingerprint of what can change results; empty where nothing trained.
        same_code: whether the code is that of a commit; None where git cannot tell.
        facts: by test, what the report does not hold.
        root: pytest's rootdir, which texts are to be free of.

    Returns:
        The record, under an id of its own. No text of it has an absolute path or credentials.
    """
    code, sides = report.code, report.sides
    return RunRecord(
        id=uuid.uuid4().hex,
        time=report.started.replace("+00:00", "Z"),
        kind=_kind(report),
        commit=code.commit if code is not None else None,
        branch=code.branch if code is not None else None,
        dirty=code is not None and code.dirty,
        diff_hash=code.diff_hash if code is not None else None,
        machine=report.machine,
        environment=environment,
        facts=dict(report.environment),
        options={name: report.settings.get(name) for name in JUDGING_OPTIONS},
        plugin=report.version,
        alpha=report.alpha,
        comparisons=report.comparisons,
        duration=report.duration,
        against=sides.against if sides is not None else "",
        base_commit=sides.base_commit if sides is not None else None,
        tests=tuple(
            _test(report, verdict, same_code, facts.get(verdict.test, TestFacts()), root)
            for verdict in sorted(report.verdicts, key=lambda one: (one.test, one.tier))
        ),
        baselines={
            artifact.revision: _document(artifact) for artifact in report.baselines.values()
        },
    )


def _kind(report: RunReport) -> RunKind:
    if report.sides is not None:
        return "A/B"
    updating = report.settings.get("update") or report.settings.get("update_new_only")
    return "update" if updating else "check"


def _test(
    report: RunReport,
    verdict: Verdict,
    same_code: Callable[[str | None], bool | None],
    facts: TestFacts,
    root: PurePath | None,
) -> TestRecord:
    baseline = report.baselines.get((verdict.test, verdict.tier))
    same: bool | None
    if report.sides is not None:
        commit, same = report.sides.base_commit, report.sides.same_code
    else:
        commit = verdict.baseline_commit
        if commit is None and baseline is not None:  # an update wrote the first one
            commit = baseline.provenance.named_commit
        same = same_code(commit)
    passed = [seed for seed in verdict.seeds if seed.outcome == "finished"]
    return TestRecord(
        test=verdict.test,
        tier=verdict.tier,
        verdict=str(verdict.kind),
        colour=str(verdict.colour),
        reasons=_texts(verdict.reasons, root),
        decided_after=verdict.decided_after,
        planned=verdict.planned,
        seeds=tuple(_seed(seed, root) for seed in verdict.seeds),
        base_seeds=tuple(_seed(seed, root) for seed in verdict.base_seeds),
        spent=verdict.duration,
        baseline_revision=baseline.revision if baseline is not None else None,
        baseline_commit=commit,
        same_code=same,
        differences=_texts(verdict.environment, root),
        settings=dict(facts.settings),
        comparisons=facts.comparisons,
        data=dict(passed[0].data) if passed else {},
        green_runs={name: runs for name, runs in facts.green_runs.items() if runs},
        metrics=tuple(_metrics(verdict, baseline, root)),
    )


def _metrics(
    verdict: Verdict, baseline: Artifact | None, root: PurePath | None
) -> Iterable[MetricRecord]:
    """Every metric that a seed recorded or the verdict names, in the order of recording."""
    judged = {metric.name: metric for metric in verdict.metrics}
    for name in dict.fromkeys((*metric_names(verdict.seeds), *judged)):
        values = values_of(verdict.seeds, name)
        metric = judged.get(name)
        if metric is None:
            recorded = declared(verdict.seeds, name)
            metric = MetricVerdict(
                name=name,
                kind=verdict.kind,
                higher_is_better=recorded.higher_is_better,
                declared=recorded.margin,
                alpha=float("nan"),
                baseline=_baseline_values(baseline, name),
                candidate=values,
            )
        yield _metric(metric, verdict, values, root)


def _baseline_values(baseline: Artifact | None, name: str) -> Mapping[int, float]:
    known = baseline.metrics.get(name) if baseline is not None else None
    return known.values if known is not None else {}


def _metric(
    metric: MetricVerdict, verdict: Verdict, values: Mapping[int, float], root: PurePath | None
) -> MetricRecord:
    sample, before = summarise(metric.candidate.values()), summarise(metric.baseline.values())
    recorded = next((r for seed in verdict.seeds if (r := seed.metric(metric.name))), None)
    record = MetricRecord(
        name=metric.name,
        verdict=str(metric.kind),
        higher_is_better=metric.higher_is_better,
        declared=metric.declared,
        version=recorded.version if recorded is not None else 1,
        resolution=recorded.resolution if recorded is not None else None,
        n=sample.n,
        mean=sample.mean if sample.n else float("nan"),
        sd=sample.sd if sample.n > 1 else float("nan"),
        alpha=metric.alpha,
        baseline_n=before.n,
        baseline_mean=before.mean if before.n else float("nan"),
        values=values or dict(metric.candidate),
        base_values=values_of(verdict.base_seeds, metric.name),
        reasons=_texts(metric.reasons, root),
    )
    found = metric.comparison
    if found is None:
        return record
    low, high, interval_level = shown_interval(metric) or (*found.interval, found.interval_level)
    return replace(
        record,
        difference=found.difference,
        interval=(low, high),
        interval_level=interval_level,
        p_harm=found.p_harm,
        p_safety=found.p_safe,
        level=metric.level if metric.level is not None else metric.alpha,
        margin=found.margin,
        detectable=found.detectable,
        test=found.test,
    )


def _seed(seed: SeedResult, root: PurePath | None) -> SeedRecord:
    return SeedRecord(
        seed=seed.seed,
        outcome=seed.outcome,
        duration=seed.duration,
        peak_memory=seed.peak_memory,
        peak_gpu_memory=seed.peak_gpu_memory,
        message=_text(seed.message, root),
        cached=seed.cached,
    )


def _texts(texts: Iterable[str], root: PurePath | None) -> tuple[str, ...]:
    return tuple(_text(text, root) for text in texts)


def _text(text: str, root: PurePath | None) -> str:
    """The first line of a text, with no path of this machine in it."""
    line = text.strip().partition("\n")[0]
    return shareable(line, root)[:_LONGEST]


def _document(artifact: Artifact) -> dict[str, object]:
    """A baseline without what judging values does not need.

    Of a learning curve it counts that there is one.
    """
    curves = {
        name: {seed: curve[-1:] for seed, curve in seeds.items()}
        for name, seeds in artifact.curves.items()
        if name in artifact.metrics
    }
    provenance = replace(artifact.provenance, reads=None)
    return document_of(replace(artifact, curves=curves, provenance=provenance))
