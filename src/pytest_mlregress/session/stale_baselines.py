"""What a run says at its end of baselines that no longer look like what the project computes."""

from __future__ import annotations

from collections.abc import Iterable

from pytest_mlregress.verdicts.baseline_health import baseline_remark
from pytest_mlregress.verdicts.green_runs import GreenRun, GreenRuns
from pytest_mlregress.verdicts.verdict import MetricVerdict, Verdict


def health_notes(verdicts: Iterable[Verdict], recent: GreenRuns, commit: str) -> tuple[str, ...]:
    """What earlier green runs say against the baselines; today's, at ``commit``, join them."""
    verdicts = tuple(verdicts)
    for verdict in verdicts:
        recent.remember(verdict, commit)
    recent.save()
    return tuple(
        f"{verdict.test}: {line}"
        for verdict in verdicts
        for metric in verdict.metrics
        if (line := baseline_remark(metric, _runs(recent, verdict, metric))) is not None
    )


def _runs(recent: GreenRuns, verdict: Verdict, metric: MetricVerdict) -> tuple[GreenRun, ...]:
    return recent.of(verdict.test, verdict.tier, metric.name, metric.baseline)
