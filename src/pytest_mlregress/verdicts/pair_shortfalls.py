"""A declared margin that the pairs of a test cannot decide on: `unaffordable`, with what would."""

from __future__ import annotations

from dataclasses import replace

from pytest_mlregress.verdicts.metrics import MetricsDecision
from pytest_mlregress.verdicts.policy import Rules
from pytest_mlregress.verdicts.verdict import MetricVerdict, VerdictKind, most_severe


def with_shortfalls(decision: MetricsDecision, n_pairs: int, rules: Rules) -> MetricsDecision:
    """The decision in which an inconclusive metric is unaffordable if its margin is too small.

    The spread of the seeds is known only from the pairs themselves, so they all run first: linked
    seeds may well decide on a margin that unlinked ones cannot.

    Args:
        decision: what the values say.
        n_pairs: the largest number of pairs.
        rules: how the test is judged.

    Returns:
        The decision.
    """
    metrics = tuple(_with_shortfall(metric, n_pairs, rules) for metric in decision.metrics)
    if metrics == decision.metrics:
        return decision
    return replace(
        decision, kind=most_severe(tuple(metric.kind for metric in metrics)), metrics=metrics
    )


def _with_shortfall(metric: MetricVerdict, n_pairs: int, rules: Rules) -> MetricVerdict:
    undecided = metric.kind is VerdictKind.INCONCLUSIVE and len(metric.candidate) == n_pairs
    if not undecided or metric.declared == "auto" or metric.comparison is None:
        return metric
    if rules.test != "robust-t" or n_pairs < 2:
        return metric
    from pytest_mlregress.statistics.pair_spread import spread_of_sides
    from pytest_mlregress.statistics.pairs_needed import pairs_needed, shown_by

    sd = spread_of_sides(tuple(metric.baseline.values()), tuple(metric.candidate.values()))
    margin = metric.comparison.margin
    if sd is None or not sd > 0.0 or not 0.0 < margin < shown_by(n_pairs, metric.alpha) * sd:
        return metric
    needed = pairs_needed(margin / sd, alpha=metric.alpha)
    enough = (
        f"{needed} pairs would show it (--mlregress-seeds={needed})"
        if needed is not None
        else "not even 1000 pairs would show it"
    )
    reason = (
        f"margin {margin:.4g} is {margin / sd:.2g} SD of a side's seeds; {n_pairs} pairs show "
        f"{shown_by(n_pairs, metric.alpha) * sd:.4g} with 90 % power: {enough}"
    )
    return replace(metric, kind=VerdictKind.UNAFFORDABLE, reasons=(reason, *metric.reasons))
