"""The machine-readable report, schema 1: what CI, dashboards and `mlregress merge` read.

The schema is documented in ``docs/report-schema.md``. Numbers keep all their digits; non-finite
ones are the strings ``"nan"``, ``"inf"`` and ``"-inf"``, so that the file is strict JSON. Equal
runs give equal files: tests are sorted by id and tier, mappings by key.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Set
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from pytest_mlregress.reporting.headline import headline
from pytest_mlregress.reporting.report import RunReport
from pytest_mlregress.reporting.sample_text import summarise
from pytest_mlregress.reporting.sides import Sides
from pytest_mlregress.verdicts.verdict import Colour, MetricVerdict, Verdict, VerdictKind

if TYPE_CHECKING:
    from pytest_mlregress.running.result import SeedResult
    from pytest_mlregress.statistics import Comparison
    from pytest_mlregress.statistics.run_effect import RunEffect

SCHEMA: Final = 1


def to_json(report: RunReport) -> str:
    """The report as strict JSON with a newline at its end.

    Args:
        report: the report.

    Returns:
        The text.
    """
    return json.dumps(to_document(report), indent=2, allow_nan=False) + "\n"


def to_document(report: RunReport) -> dict[str, Any]:
    """The report as plain builtins, as `to_json` writes them.

    Args:
        report: the report.

    Returns:
        Mappings, lists and plain values.
    """
    tests = sorted(report.verdicts, key=lambda verdict: (verdict.test, verdict.tier))
    document = {
        "schema": SCHEMA,
        "generator": {"name": "pytest-mlregress", "version": report.version},
        "started": report.started,
        "command": report.command,
        "environment": dict(sorted(report.environment.items())),
        "settings": dict(sorted(report.settings.items())),
        "sides": _sides(report.sides) if report.sides is not None else None,
        "summary": _summary(report),
        "tests": [_test(report, verdict) for verdict in tests],
    }
    return {key: builtin(value) for key, value in document.items()}


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
    return {
        "id": verdict.test,
        "tier": verdict.tier,
        "verdict": verdict.kind,
        "colour": verdict.colour,
        "headline": headline(verdict),
        "metrics": [_metric(report, verdict, metric) for metric in verdict.metrics],
        "seeds": [_seed(result) for result in verdict.seeds],
        "base_seeds": [_seed(result) for result in verdict.base_seeds],
        "planned": verdict.planned,
        "selected": verdict.selected,
        "stopped": verdict.stopped,
        "decided_after": verdict.decided_after,
        "duration": verdict.duration,
        "reasons": verdict.reasons,
        "notes": verdict.notes,
        "next_steps": verdict.next_steps,
        "environment": verdict.environment,
        "baseline_commit": verdict.baseline_commit,
    }


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
        **_comparison(metric.comparison),
        "run_effect": _run_effect(metric.run_effect),
        "same_side_spread": metric.same_side_spread,
        "pairs": _pairs(metric),
        "q_value": report.q_value(verdict, metric),
        "baseline": _sample(metric.baseline),
        "candidate": _sample(metric.candidate),
        "reasons": metric.reasons,
        "notes": metric.notes,
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
    "interval",
    "margin",
    "detectable",
)


def _comparison(comparison: Comparison | None) -> dict[str, Any]:
    """All null if nothing was compared."""
    if comparison is None:
        return dict.fromkeys((*_COMPARED, "p_safe_welch", "safety_level", "welch"))
    welch = comparison.welch
    return {name: getattr(comparison, name) for name in _COMPARED} | {
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


def _seed(result: SeedResult) -> dict[str, Any]:
    return {
        "seed": result.seed,
        "outcome": result.outcome,
        "duration": result.duration,
        "peak_memory": result.peak_memory,
        "peak_gpu_memory": result.peak_gpu_memory,
        "metrics": {metric.name: metric.value for metric in result.metrics},
        "params": result.params,
        "data": result.data,
        "message": result.message,
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
