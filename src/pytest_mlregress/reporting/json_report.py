"""The machine-readable report, schema 3: what CI, dashboards and `mlregress merge` read.

The schema is documented in ``docs/report-schema.md``. Numbers keep all their digits; non-finite
ones are the strings ``"nan"``, ``"inf"`` and ``"-inf"``, so that the file is strict JSON. Equal
runs give equal files: tests are sorted by id and tier, mappings by key. Texts are free of absolute
paths and of the credentials of URLs.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import asdict
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

from pytest_mlregress.baselines.provenance import WorkingTree
from pytest_mlregress.baselines.urls import shareable
from pytest_mlregress.reporting.headline import headline
from pytest_mlregress.reporting.metric_text import shown_interval
from pytest_mlregress.reporting.overview import overview
from pytest_mlregress.reporting.report import RunReport
from pytest_mlregress.reporting.sample_text import summarise
from pytest_mlregress.reporting.shard_of_run import JUDGED_BY_MERGE, ShardOfRun
from pytest_mlregress.reporting.sides import Sides
from pytest_mlregress.timeline.document import timeline_document
from pytest_mlregress.verdicts.judged_document import judged_document
from pytest_mlregress.verdicts.judged_test import JudgedTest
from pytest_mlregress.verdicts.seed_document import seed_document
from pytest_mlregress.verdicts.verdict import Colour, MetricVerdict, Verdict, VerdictKind

if TYPE_CHECKING:
    from pytest_mlregress.statistics.run_effect import RunEffect
    from pytest_mlregress.verdicts.group import GroupPlan

SCHEMA: Final = 3


def to_json(report: RunReport) -> str:
    """The report as strict JSON with a newline at its end.

    Args:
        report: the report.

    Returns:
        The text.
    """
    return "".join(json_pieces(report))


def json_pieces(report: RunReport) -> Iterator[str]:
    """The same in pieces, each of which is made when it is asked for.

    The document of a large suite takes ten times the memory that its verdicts take.

    Args:
        report: the report.

    Yields:
        The text, test by test.
    """
    begin = "{"
    for key, value in _head(report).items():
        yield f"{begin}\n  {json.dumps(key)}: {_indented(value, 2)}"
        begin = ","
    yield f'{begin}\n  "tests": ['
    begin = ""
    for test in _tests(report):
        yield f"{begin}\n    {_indented(test, 4)}"
        begin = ","
    yield "\n  ]\n}\n" if begin else "]\n}\n"


def _indented(value: object, by: int) -> str:
    """A value as it stands within others; no string of JSON has a line break."""
    text = json.dumps(builtin(value), indent=2, allow_nan=False)
    return text.replace("\n", "\n" + by * " ")


def to_document(report: RunReport) -> dict[str, Any]:
    """The report as plain builtins, as `to_json` writes them.

    Args:
        report: the report.

    Returns:
        Mappings, lists and plain values.
    """
    return {key: builtin(value) for key, value in _head(report).items()} | {
        "tests": [builtin(test) for test in _tests(report)]
    }


def _head(report: RunReport) -> dict[str, Any]:
    """Everything but the tests."""
    return {
        "schema": SCHEMA,
        "generator": {"name": "pytest-mlregress", "version": report.version},
        "overview": overview(report) if report.shard is None else JUDGED_BY_MERGE,
        "started": report.started,
        "command": report.command,
        "machine": report.machine,
        "folder": report.folder,
        "code": _code(report.code) if report.code is not None else None,
        "baseline_commits": _baseline_commits(report),
        "environment": dict(sorted(report.environment.items())),
        "settings": dict(sorted(report.settings.items())),
        "sides": _sides(report.sides) if report.sides is not None else None,
        "shard": _shard(report.shard) if report.shard is not None else None,
        "summary": _summary(report),
        "timeline": timeline_document(report.timeline) if report.timeline is not None else None,
    }


def _code(tree: WorkingTree) -> dict[str, Any]:
    return {
        "commit": tree.commit,
        "branch": tree.branch,
        "dirty": tree.dirty,
        "uncommitted": tree.changed,
        "diff_hash": tree.diff_hash,
        "unknown": None if tree.unknown is None else shareable(tree.unknown),
    }


def _baseline_commits(report: RunReport) -> list[str]:
    """What the tests are compared with: the commits of baselines, or of the base."""
    cases = [case.compared_commit for case in report.judged.values()]
    commits = [verdict.baseline_commit for verdict in report.verdicts]
    return sorted({commit for commit in chain(cases, commits) if commit is not None})


def _shard(shard: ShardOfRun) -> dict[str, Any]:
    return {
        "number": shard.number,
        "count": shard.count,
        "exit_status": shard.exit_status,
        "reruns": shard.reruns,
        "collected": None if shard.collected is None else list(map(asdict, shard.collected)),
    }


def _tests(report: RunReport) -> Iterator[dict[str, Any]]:
    if report.shard is not None:
        for case in sorted(report.judged.values(), key=lambda case: _identity(case.group.plan)):
            yield _unjudged(report, case)
        return
    for verdict in sorted(report.verdicts, key=_identity):
        yield _test(report, verdict)


def _identity(named: Verdict | GroupPlan) -> tuple[str, str]:
    return (named.test, named.tier)


def _sides(sides: Sides) -> dict[str, Any]:
    return {
        "against": sides.against,
        "base_commit": sides.base_commit,
        "merge_base_of": sides.merge_base_of,
        "candidate_commit": sides.candidate_commit,
        "uncommitted": sides.uncommitted,
        "diff_hash": sides.diff_hash,
        "same_code": sides.same_code,
        "changed": sides.changed,
        "read": {test: list(files) for test, files in sorted(sides.read.items())},
        "reused": dict(sorted(sides.reused.items())),
        "environment": None if sides.environment is None else list(map(asdict, sides.environment)),
        "suite": sides.suite,
        "notes": sides.notes,
    }


def _summary(report: RunReport) -> dict[str, Any]:
    totals = report.totals
    return {
        "tests": totals.tests,
        "verdicts": {kind.value: totals.kinds.get(kind, 0) for kind in VerdictKind},
        "colours": {colour.value: totals.colours.get(colour, 0) for colour in Colour},
        "seeds_run": totals.seeds_run,
        "seeds_saved": totals.seeds_saved,
        "seeds_cached": totals.seeds_cached,
        "seeds_unchanged": totals.seeds_unchanged,
        "training_seconds": totals.training,
        "duration": report.duration,
        "alpha": report.alpha,
        "comparisons": report.comparisons,
        "notes": report.notes,
    }


def _test(report: RunReport, verdict: Verdict) -> dict[str, Any]:
    case = report.judged.get((verdict.test, verdict.tier))
    file, line = report.places.get(verdict.test, (None, None))
    return {
        "id": verdict.test,
        "tier": verdict.tier,
        "file": file,
        "line": line,
        "verdict": verdict.kind,
        "colour": verdict.colour,
        "headline": shareable(headline(verdict), report.rootdir),
        "metrics": [_metric(report, verdict, metric) for metric in verdict.metrics],
        "seeds": [seed_document(result) for result in verdict.seeds],
        "base_seeds": [seed_document(result) for result in verdict.base_seeds],
        "planned": verdict.planned,
        "selected": verdict.selected,
        "stopped": verdict.stopped,
        "trained_in_shards": report.trained_in_shards.get(_identity(verdict), ()),
        "decided_after": verdict.decided_after,
        "duration": verdict.duration,
        "reasons": _shown(report, verdict.reasons),
        "notes": _shown(report, verdict.notes),
        "next_steps": _shown(report, verdict.next_steps),
        "environment": verdict.environment,
        "baseline_commit": verdict.baseline_commit,
        "since": asdict(verdict.since) if verdict.since is not None else None,
        "judged_with": judged_document(case) if case is not None else None,
    }


def _unjudged(report: RunReport, case: JudgedTest) -> dict[str, Any]:
    """A test of a shard, which has no verdict yet."""
    plan, base = case.group.plan, case.group.base
    nothing = Verdict(
        test=plan.test,
        tier=plan.tier,
        kind=VerdictKind.INCOMPLETE,
        colour=Colour.GREEN,
        seeds=case.group.reported,
        base_seeds=base.reported if base is not None else (),
        planned=plan.planned,
        selected=plan.selected,
    )
    unknown = {"verdict": None, "colour": None, "headline": JUDGED_BY_MERGE}
    return _test(report, nothing) | unknown


def _shown(report: RunReport, texts: Iterable[str]) -> list[str]:
    return [shareable(text, report.rootdir) for text in texts]


def _metric(report: RunReport, verdict: Verdict, metric: MetricVerdict) -> dict[str, Any]:
    recorded = next((r for seed in verdict.seeds if (r := seed.metric(metric.name))), None)
    return {
        "name": metric.name,
        "verdict": metric.kind,
        "higher_is_better": metric.higher_is_better,
        "declared_margin": metric.declared,
        "recorded_margin": metric.recorded_margin,
        "version": recorded.version if recorded else None,
        "resolution": recorded.resolution if recorded else None,
        "alpha": metric.alpha,
        "level": metric.level,
        **_comparison(metric),
        "run_effect": _run_effect(metric.run_effect),
        "same_side_spread": metric.same_side_spread,
        "pairs": _pairs(metric),
        "q_value": report.q_value(verdict, metric),
        "baseline": _sample(metric.baseline),
        "candidate": _sample(metric.candidate),
        "reasons": _shown(report, metric.reasons),
        "notes": _shown(report, metric.notes),
    }


def _pairs(metric: MetricVerdict) -> dict[str, Any] | None:
    """Null unless live pairs were judged by sign flips and two samples."""
    found = metric.pair_pvalues
    if found is None:
        return None
    return {"p_sign_flips": found.pairs, "p_two_samples": found.samples}


def _run_effect(effect: RunEffect | None) -> dict[str, Any] | None:
    """Null if earlier runs give no estimate."""
    if effect is None:
        return None
    return {
        "tau": effect.tau,
        "seed_sd": effect.sd,
        "runs": effect.n_runs,
        "pvalue": effect.pvalue,
        "used": effect.shown,
    }


_COMPARED: Final = (
    "test",
    "p_harm",
    "p_safe",
    "p_better",
    "difference",
    "margin",
    "detectable",
)
_INTERVALS: Final = ("interval", "interval_level", "classical_interval")


def _comparison(metric: MetricVerdict) -> dict[str, Any]:
    """All null if nothing was compared."""
    comparison = metric.comparison
    if comparison is None:
        names = (*_COMPARED, *_INTERVALS, "p_safe_welch", "safety_level", "welch")
        return dict.fromkeys(names)
    welch = comparison.welch
    shown = shown_interval(metric)
    return {name: getattr(comparison, name) for name in _COMPARED} | {
        "interval": None if shown is None else shown[:2],
        "interval_level": None if shown is None else shown[2],
        "classical_interval": comparison.interval,
        "p_safe_welch": comparison.safety.p_welch,
        "safety_level": comparison.beta,
        "welch": {"statistic": welch.statistic, "df": welch.df, "pvalue": welch.pvalue},
    }


def _sample(values: Mapping[int, float]) -> dict[str, Any]:
    sample = summarise(values.values())
    return {
        "n": sample.n,
        "mean": sample.mean if sample.n else None,
        "sd": sample.sd if sample.n > 1 else None,
        "values": {str(seed): value for seed, value in sorted(values.items())},
    }


def builtin(value: object) -> Any:
    """What `json` can write; text for anything that JSON has no type for.

    Args:
        value: any value.

    Returns:
        Builtins only.
    """
    match value:
        case None | bool() | int():
            return value
        case float():
            return float(value) if math.isfinite(value) else str(float(value))
        case str():
            # A lone surrogate, as from an undecodable file name, is not valid in JSON.
            return value.encode("utf-8", "backslashreplace").decode("utf-8")
        case Mapping():
            return {builtin(str(key)): builtin(entry) for key, entry in value.items()}
        case Set():
            return sorted(map(builtin, value), key=str)
        case Iterable():
            return [builtin(entry) for entry in value]
        case _:
            return builtin(str(value))
