"""Bit-equal runs: a change that moves no bit needs no statistics."""

from __future__ import annotations

import struct
from collections.abc import Sequence

from pytest_mlregress.baselines.artifact import Artifact
from pytest_mlregress.running.result import SeedResult
from pytest_mlregress.verdicts.looking import Finding, metric_verdict
from pytest_mlregress.verdicts.rules import Rules
from pytest_mlregress.verdicts.samples import metric_names
from pytest_mlregress.verdicts.verdict import VerdictKind

SEEDS_NEEDED = 2


def judge_sameness(
    ready: Sequence[SeedResult],
    planned: Sequence[int],
    baseline: Artifact,
    rules: Rules,
    *,
    same_environment: bool,
) -> Finding | None:
    """`identical`, or the failure of a test that declares ``expect="identical"``, or None.

    A different environment computes different bits, so there is nothing to expect then.
    """
    from pytest_mlregress.statistics.identity import identical

    of_baseline = _by_seed(baseline)
    of_candidate = {seed.seed: {m.name: m.value for m in seed.metrics} for seed in ready}
    first = dict(list(of_candidate.items())[:SEEDS_NEEDED])
    if rules.expect == "identical":
        moved = _first_moved(of_baseline, of_candidate)
        if moved is not None:
            return _finding(ready, baseline, rules, VerdictKind.REGRESSION, moved)
    if same_environment and len(first) == SEEDS_NEEDED and identical(of_baseline, first):
        return _finding(ready[:SEEDS_NEEDED], baseline, rules, VerdictKind.IDENTICAL, "")
    if rules.expect == "identical" and len(ready) == len(planned):
        return _finding(ready, baseline, rules, VerdictKind.IDENTICAL, "")
    return None


def _by_seed(baseline: Artifact) -> dict[int, dict[str, float]]:
    seeds = {seed for metric in baseline.metrics.values() for seed in metric.values}
    return {
        seed: {
            name: metric.values[seed]
            for name, metric in baseline.metrics.items()
            if seed in metric.values
        }
        for seed in seeds
    }


def _first_moved(
    baseline: dict[int, dict[str, float]], candidate: dict[int, dict[str, float]]
) -> str | None:
    for seed, metrics in candidate.items():
        if seed not in baseline:
            return f"seed {seed} has no baseline value, and expect='identical' needs one"
        for name, value in metrics.items():
            before = baseline[seed][name]
            if struct.pack("<d", before) != struct.pack("<d", value):
                return (
                    f"expect='identical', but {name} of seed {seed} moved from {before!r} "
                    f"to {value!r}"
                )
    return None


def _finding(
    ready: Sequence[SeedResult], baseline: Artifact, rules: Rules, kind: VerdictKind, reason: str
) -> Finding:
    metrics = tuple(
        metric_verdict(name, ready, baseline, rules, kind=kind) for name in metric_names(ready)
    )
    return Finding(kind, metrics, len(ready), (reason,) if reason else ())
