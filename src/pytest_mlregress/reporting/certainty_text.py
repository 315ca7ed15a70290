"""How sure a verdict on a metric is, in words, with its p-value beside the limit."""

from __future__ import annotations

import math

from pytest_mlregress.plurals import count_of
from pytest_mlregress.reporting.metric_text import level_text, limit_of, p_and_limit
from pytest_mlregress.verdicts.nearness import NEAR, near_its_limit
from pytest_mlregress.verdicts.verdict import MetricVerdict, Verdict, VerdictKind


def how_sure(metric: MetricVerdict) -> str:
    """``clearly worse: p = 8.1e-05, limit 0.0036; 96 % interval, 3 vs 40 seeds``.

    What fresh seeds said of a loss comes first.

    Args:
        metric: the metric.

    Returns:
        The text; of a divergence or a metric without a comparison its first reason, if any.
    """
    return "; ".join(filter(None, (metric.confirmation, _how_sure_at_first(metric))))


def _how_sure_at_first(metric: MetricVerdict) -> str:
    """The same by the seeds of the check alone."""
    comparison = metric.comparison
    if comparison is None or metric.kind is VerdictKind.DIVERGED:
        return metric.reasons[0] if metric.reasons else ""
    if shown_by_another_test(metric):
        return metric.reasons[0]
    p, limit = p_and_limit(metric)
    level = level_text(metric)
    interval = f"{level} interval, " if level else ""
    return f"{_words(metric)}: p = {p}, limit {limit}; {interval}{seeds_compared(metric)}"


def how_sure_of_failed_seeds(verdict: Verdict) -> str:
    """Why seeds that failed are red without a test.

    Args:
        verdict: the verdict on a test.

    Returns:
        The text; empty unless the test diverged because seeds failed.
    """
    failed = [seed for seed in verdict.seeds if seed.outcome in ("failed", "xfailed")]
    of_values = any(metric.kind is VerdictKind.DIVERGED for metric in verdict.metrics)
    if verdict.kind is not VerdictKind.DIVERGED or of_values or not failed:
        return ""
    if all(seed.collapse for seed in failed):
        return "red at once: far outside all learning curves of the baseline"
    if verdict.base:
        return "red without a test: the base has no seed that failed"
    if verdict.since is None and not verdict.baseline_commit:
        return "red without a test: a seed failed"
    return "red without a test: all seeds of a baseline have passed"


def shown_by_another_test(metric: MetricVerdict) -> bool:
    """True where a regression is due to collapsed seeds or to the spread, and not to the mean.

    Args:
        metric: the metric.

    Returns:
        Whether its first reason says what showed it.
    """
    comparison = metric.comparison
    return (
        metric.kind is VerdictKind.REGRESSION
        and comparison is not None
        and not comparison.p_harm <= limit_of(metric)
        and bool(metric.reasons)
    )


def seeds_compared(metric: MetricVerdict) -> str:
    """``3 vs 40 seeds``, or ``5 pairs``.

    Args:
        metric: a metric with a comparison.

    Returns:
        The text.
    """
    if metric.comparison is None:
        return ""
    if metric.base:
        return count_of(metric.comparison.n_candidate, "pair")
    before = count_of(metric.comparison.n_baseline, metric.unit)
    return f"{metric.comparison.n_candidate} vs {before}"


def _words(metric: MetricVerdict) -> str:
    comparison = metric.comparison
    assert comparison is not None
    limit = limit_of(metric)
    if metric.kind in (VerdictKind.REGRESSION, VerdictKind.MINOR):
        if not comparison.p_harm <= limit:
            return "a loss was shown at an earlier look"
        return "worse, near the limit" if near_its_limit(metric) else "clearly worse"
    if metric.confirmation:  # a loss that fresh seeds did not show
        return "worse before"
    if metric.kind is VerdictKind.IMPROVEMENT:
        return "clearly better" if comparison.p_better <= limit / NEAR else "better"
    if math.isfinite(comparison.margin) and metric.kind is VerdictKind.PASS:
        return "no loss of the margin"
    return "undecided"
